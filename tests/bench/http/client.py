"""Whoever asks for jobs and waits, as a process of its own and as cheap as can be; what it saw, as JSON at the end.

`python -m tests.bench.http.client WAY NATS PREFIX PORT JOBS AT_ONCE`: the way is `nats` (publish, wait for the event)
or `http` (`POST /` with `Prefer: wait`); events are listened to in both.
"""

import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import nats
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg

from executor.embedded.loopback import HOST
from tests.bench.graph import payload
from tests.integration.world import enveloped

Ask = Callable[[str, bytes], Awaitable[None]]
WAIT_SECONDS = 60


class Events:
    """When the event of each job came."""

    def __init__(self) -> None:
        self._came: dict[str, asyncio.Future[float]] = {}

    def of(self, job: str) -> asyncio.Future[float]:
        """When that of the job comes."""
        return self._came.setdefault(job, asyncio.get_running_loop().create_future())

    async def take(self, message: Msg) -> None:
        """One came."""
        came = self.of((message.headers or {})["Nats-Msg-Id"].partition(":")[0])
        if not came.done():
            came.set_result(time.perf_counter())


def by_nats(client: Client, prefix: str, events: Events) -> Ask:
    """Publish, and wait for the event."""
    stream = client.jetstream()

    async def ask(job: str, body: bytes) -> None:
        await stream.publish(f"{prefix}.execute.bench", body)
        await events.of(job)

    return ask


async def by_http(port: int) -> Ask:
    """On a connection of its own, which is kept."""
    reader, writer = await asyncio.open_connection(HOST, port)

    async def ask(_: str, body: bytes) -> None:
        head = f"POST / HTTP/1.1\r\nhost: here\r\nprefer: wait={WAIT_SECONDS}\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{head}content-type: application/cloudevents+json\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(answer.partition(b"content-length:")[2].partition(b"\r")[0]))
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(answer)

    return ask


async def measure(asks: Sequence[Ask], events: Events, jobs: int) -> dict[str, Any]:
    """Jobs a second, milliseconds of a job, and those from its event to its answer."""
    took, after, left = list[float](), list[float](), iter(range(jobs))

    async def work(ask: Ask) -> None:
        for _ in left:
            job = uuid.uuid4().hex
            data = {"job_id": job, "agent_definition": {"graph": "three"}, "input_payload": payload()}
            body = json.dumps(enveloped(data)).encode()
            began = time.perf_counter()
            await ask(job, body)
            answered = time.perf_counter()
            took.append(answered - began)
            after.append(answered - await events.of(job))

    began = time.perf_counter()
    await asyncio.gather(*map(work, asks))
    return {"jobs/s": jobs / (time.perf_counter() - began), **_in_ms("job", took), **_in_ms("after event", after)}


def _in_ms(name: str, seconds: list[float]) -> dict[str, float]:
    late = statistics.quantiles(seconds, n=100)
    return {f"{name} p50 ms": 1000 * late[49], f"{name} p99 ms": 1000 * late[98]}


async def main() -> None:
    """Measure, and print the figures."""
    way, url, prefix, port, jobs, at_once = sys.argv[1:]
    client, events = await nats.connect(url), Events()
    await client.subscribe(f"{prefix}.status.completed", cb=events.take)
    is_nats = way == "nats"
    asks = [by_nats(client, prefix, events) if is_nats else await by_http(int(port)) for _ in range(int(at_once))]
    print(json.dumps(await measure(asks, events, int(jobs))))
    await client.close()


if __name__ == "__main__":
    uvloop.run(main())
