"""What the tests of the running service are made of: jobs to ask for, and everything that can be seen of them."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import nats
import psycopg
import redis.asyncio
from nats.aio.client import Client
from psycopg.rows import dict_row

from contract import EXECUTE_TYPE, Env
from executor.embedded.loopback import wait_until
from executor.embedded.model import Model
from executor.embedded.script import script
from executor.settings import NatsSettings, PostgresSettings

TERMINAL = ("completed", "failed", "cancelled")
JsonObject = dict[str, Any]

STRUCTURED = {"content-type": "application/cloudevents+json"}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "tests", "ce-type": EXECUTE_TYPE}


def unique(word: str = "job") -> str:
    """An id that nobody has."""
    return f"{word}-{uuid.uuid4().hex[:8]}"


def lone(**config: Any) -> JsonObject:
    """A plain agent."""
    return {"nodes": [{"id": "agent", "config": config}]}


def deep(**config: Any) -> JsonObject:
    """An orchestrator alone, with the file tools."""
    return {"nodes": [{"id": "agent", "type": "Orchestrator", "config": config}]}


def writing(path: str, content: str = "x") -> JsonObject:
    """A call of the tool that writes a file."""
    return {"name": "write_file", "args": {"file_path": path, "content": content}}


def says(job_id: str, *turns: Mapping[str, Any]) -> JsonObject:
    """An input whose prompt bears the job's id and makes the model reply with these turns."""
    prompt = f"Job {job_id}. {script(*(turns or ({'say': 'Done.'},)))}"
    return {"messages": [{"role": "user", "content": prompt}]}


def data(job_id: str, *turns: Mapping[str, Any], definition: JsonObject | None = None, **more: Any) -> JsonObject:
    """The data of an event."""
    return {
        "job_id": job_id,
        "agent_definition": lone() if definition is None else definition,
        "input_payload": says(job_id, *turns),
        **more,
    }


def event(job_id: str, *turns: Mapping[str, Any], **more: Any) -> JsonObject:
    """An event in structured mode."""
    return enveloped(data(job_id, *turns, **more))


def enveloped(inside: Any, **attributes: Any) -> JsonObject:
    """An event around these data."""
    return {"specversion": "1.0", "id": "1", "source": "tests", "type": EXECUTE_TYPE, "data": inside, **attributes}


def asked(model: Model, job_id: str) -> list[int]:
    """For each request to the model about a job, how many replies it had had by then."""
    mine = [request["messages"] for request in model.requests if f"Job {job_id}." in json.dumps(request["messages"])]
    return [sum(message["role"] == "assistant" for message in messages) for messages in mine]


@dataclass(frozen=True)
class Fact:
    """A stored message of a stream: the last token of its subject, its headers and its body."""

    word: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> JsonObject:
        """The body as an event."""
        return dict(json.loads(self.body))

    @property
    def data(self) -> JsonObject:
        """The data of the event."""
        return dict(self.event["data"])


@dataclass(frozen=True)
class World:
    """The servers under one service, as its clients see them."""

    environment: Mapping[str, str]
    client: Client

    @property
    def names(self) -> NatsSettings:
        """What lies on the broker."""
        return NatsSettings.read(self.environment)

    async def publish(self, body: bytes | JsonObject, headers: Mapping[str, str] | None = None) -> int:
        """Publish an event; its place in the stream."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        subject = self.names.subject("execute", "tests")
        stored = await self.client.jetstream().publish(subject, raw, headers=dict(headers or {}))
        return stored.seq

    async def stored(self, stream: str) -> list[Fact]:
        """All that a stream holds."""
        jetstream = self.client.jetstream()
        count = (await jetstream.stream_info(stream)).state.messages
        reader = await jetstream.subscribe("", stream=stream, ordered_consumer=True)
        messages = [await reader.next_msg(timeout=10) for _ in range(count)]
        await reader.unsubscribe()
        return [Fact(message.subject.rpartition(".")[2], message.headers or {}, message.data) for message in messages]

    async def facts(self, subject: str) -> list[Fact]:
        """All that was said about a job."""
        return [fact for fact in await self.stored(self.names.status_stream) if fact.event["subject"] == subject]

    async def words(self, subject: str) -> list[str]:
        """The words that were said about a job, in order."""
        return [fact.word for fact in await self.facts(subject)]

    async def dead_letters(self) -> list[Fact]:
        """All dead letters."""
        return await self.stored(self.names.dead_letter_stream)

    async def ended(self, *subjects: str, limit: float = 60) -> list[Fact]:
        """The one terminal fact of each job, once it is there and every message is acknowledged."""

        async def all_ended() -> bool:
            if await self.unfinished():
                return False
            return set(subjects) <= {fact.event["subject"] for fact in await self.terminal()}

        await wait_until(f"{', '.join(subjects)} ended", all_ended, limit, every=0.05)
        told = [[fact for fact in await self.facts(subject) if fact.word in TERMINAL] for subject in subjects]
        assert [len(facts) for facts in told] == [1] * len(subjects), told
        return [facts[0] for facts in told]

    async def terminal(self) -> list[Fact]:
        """Every terminal fact."""
        return [fact for fact in await self.stored(self.names.status_stream) if fact.word in TERMINAL]

    async def let_time_pass(self) -> None:
        """Let the lease and the ack-wait of the one job of a dead worker run out now, not in fifteen seconds."""
        await self.execute("UPDATE jobs SET lease_until = now() WHERE lease_until IS NOT NULL")
        jetstream = self.client.jetstream()
        config = (await jetstream.consumer_info(self.names.stream, self.names.consumer)).config
        await jetstream.add_consumer(self.names.stream, config.evolve(ack_wait=0.1))
        subscription = await jetstream.pull_subscribe_bind(self.names.consumer, self.names.stream)
        [message] = await subscription.fetch(1, timeout=20)
        await jetstream.add_consumer(self.names.stream, config)
        await message.nak()
        await subscription.unsubscribe()

    async def unfinished(self) -> int:
        """Messages that wait for a worker or for an acknowledgement: KEDA's lag."""
        info = await self.client.jetstream().consumer_info(self.names.stream, self.names.consumer)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def entries(self, thread: str) -> list[dict[str, str]]:
        """The entries of a thread's stream in Dragonfly."""
        async with self.dragonfly() as client:
            found: Any = await client.xrange(f"langgraph:stream:{thread}")
        return [fields for _, fields in found]

    def dragonfly(self) -> redis.asyncio.Redis:
        """A client of Dragonfly."""
        return redis.asyncio.Redis(
            host=self.environment[Env.DRAGONFLY_HOST],
            port=int(self.environment[Env.DRAGONFLY_PORT]),
            password=self.environment.get(Env.DRAGONFLY_PASSWORD),
            protocol=2,
            decode_responses=True,
        )

    async def execute(self, statement: str) -> None:
        """Write to the database."""
        conninfo = PostgresSettings.read(self.environment).conninfo()
        async with await psycopg.AsyncConnection.connect(**conninfo) as connection:
            await connection.execute(statement.encode())

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of the database."""
        conninfo = PostgresSettings.read(self.environment).conninfo()
        async with await psycopg.AsyncConnection.connect(**conninfo, row_factory=dict_row) as connection:
            return await (await connection.execute(query.encode())).fetchall()


@asynccontextmanager
async def world(environment: Mapping[str, str]) -> AsyncIterator[World]:
    """Connected to the broker."""
    client = await nats.connect(environment[Env.NATS_URL])
    try:
        yield World(environment, client)
    finally:
        await client.close()


async def until(what: str, holds: Any, limit: float = 30) -> None:
    """Return once it holds; `holds` may be a function or a coroutine function, and may not reach its server yet."""

    async def held() -> bool:
        try:
            found = holds()
            return bool(await found if asyncio.iscoroutine(found) else found)
        except httpx.TransportError:
            return False

    await wait_until(what, held, limit)


def hidden(secrets: Iterable[str]) -> list[str]:
    """Secrets in every form in which they may show."""
    return [form for secret in secrets for form in (secret, base64.b64encode(secret.encode()).decode())]
