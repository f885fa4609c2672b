"""What no client, log, event or row may ever show."""

import asyncio
import json
import uuid
from contextlib import asynccontextmanager

import httpx
import pytest

from contract import Env
from tests.integration.world import event

pytestmark = pytest.mark.anyio


async def test_a_secret_is_nowhere_to_be_seen(own, serve, job_id):
    """The key is echoed by a gateway that refuses it, as some do."""
    key = f"sk-{uuid.uuid4().hex}"
    async with echoing() as url:
        service = await serve({**own.environment, Env.OPENAI_API_KEY: key, Env.OPENAI_BASE_URL: url})
        async with own.dragonfly() as client, client.pubsub() as channel:
            await channel.subscribe(f"langgraph:stream:{job_id}")
            await own.publish(event(job_id))
            [failed] = await own.ended(job_id)
            heard = [message async for message in heard_until_end(channel)]
    assert failed.data["error"]["message"].count("***") == 1
    async with httpx.AsyncClient(base_url=service.url) as http:
        shown = [(await http.get(path)).text for path in (f"/jobs/{job_id}", "/jobs", "/metrics", "/ready")]
    facts = [await own.stored(stream) for stream in (own.names.status_stream, own.names.dead_letter_stream)]
    rows = await own.rows("SELECT jobs.*::text, outbox.*::text FROM jobs JOIN outbox USING (job_id)")
    seen = repr([service.tail(1000), shown, facts, rows, heard, await own.entries(job_id)])
    assert "Incorrect API key" in seen
    assert key not in seen
    for name in (Env.POSTGRES_PASSWORD, Env.DRAGONFLY_PASSWORD):
        assert own.environment[name] not in seen


@asynccontextmanager
async def echoing():
    """A gateway that refuses every key and says which one it was."""

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split()[-1] for line in head.splitlines() if line.lower().startswith("authorization"))
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "type": "invalid"}}).encode()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def heard_until_end(channel):
    async for message in channel.listen():
        yield message
        if message["type"] == "message" and json.loads(message["data"])["type"] == "end":
            return
