"""The demo's job: an agent with a specialist, sent as a CloudEvent and watched until its result is there."""

import json
import textwrap
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nats
import psycopg
import redis.asyncio
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from psycopg import sql

from contract import DEFAULT_SUBJECT_PREFIX, EXECUTE_TYPE
from executor.embedded import Servers
from executor.embedded.script import script
from tools.story import Story

PACE = 0.04
WISH = "Let the login page refuse a client after five wrong passwords in a minute."
PROPOSAL = "Count failures by client in Dragonfly, expire them after 60 s, answer 429 with Retry-After."
SPECIALIST = "Guardrail Agent"
FILE = "/proposal.md"
ANSWER = f"Done: the proposal holds all guardrails and lies in {FILE}."
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One job; its thread has its id."""

    id: str

    def event(self) -> bytes:
        """The CloudEvent, in structured mode."""
        return json.dumps(
            {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "source": "demo",
                "type": EXECUTE_TYPE,
                "datacontenttype": "application/json",
                "data": {
                    "job_id": self.id,
                    "agent_definition": definition(),
                    "input_payload": {"messages": [{"role": "user", "content": WISH}]},
                },
            }
        ).encode()


def definition() -> JsonObject:
    """An orchestrator and a specialist, whose prompts tell the scripted model what to reply."""
    delegating = {"name": "task", "args": {"subagent_type": SPECIALIST, "description": f"Propose a change: {WISH}"}}
    writing = {"name": "write_file", "args": {"file_path": FILE, "content": PROPOSAL}}
    builder = ({"say": "I will have that checked first.", "call": [delegating]}, {"say": ANSWER})
    guardrail = ({"say": "Writing it down.", "call": [writing]}, {"say": "No guardrail is in its way."})
    return {
        "tool_definitions": [],
        "nodes": [
            _node("builder", "Orchestrator", "Builder", builder),
            _node("guardrail-agent", "Specialist", SPECIALIST, guardrail),
        ],
        "edges": [],
    }


def _node(node_id: str, kind: str, name: str, turns: tuple[Mapping[str, Any], ...]) -> JsonObject:
    prompt = f"You are the {name}. {script(*({**turn, 'delay': PACE} for turn in turns))}"
    model = {"provider": "openai", "model": "gpt-4.1-mini"}
    config = {"name": name, "description": f"The {name}", "system_prompt": prompt, "model": model, "tools": []}
    return {"id": node_id, "type": kind, "config": config}


async def tell(story: Story, servers: Servers, job: Job) -> None:
    """Hand the job in, show what it streams, then its result and what is kept of it."""
    async with desk(servers) as counter:
        story.line(f"user: {WISH}")
        story.line(f"published to {await counter.submit(job)}")
        tokens, calls = await _watch(story, servers, job)
        story.check(f"{len(tokens)} tokens came through Dragonfly", ANSWER in "".join(tokens))
        story.check(f"and the tool calls {' and '.join(calls)}", calls == ["task", "write_file"])
        _tell_result(story, job, *await counter.outcome())
    kept = await checkpoints(servers, job)
    story.line(f"in PostgreSQL, thread {job.id}: {', '.join(f'{rows} {table}' for table, rows in kept.items())}")
    story.check("the checkpoints are there", kept["checkpoints"])


async def _watch(story: Story, servers: Servers, job: Job) -> tuple[list[str], list[str]]:
    """Show what the job streams until its end: the tokens, and the names of the tools it called."""
    tokens, calls = [], []
    async for kind, node, data in entries(servers, job):
        speaker = SPECIALIST if "/" in node else "Builder"
        if kind == "token" and data["text"]:  # else it is a piece of a call, or what the call used
            tokens.append(data["text"])
            story.word(speaker, data["text"])
        elif kind == "tool_call":
            calls.append(data["name"])
            story.line(f"{speaker} calls {data['name']}({_brief(data['args'])})")
    return tokens, calls


def _tell_result(story: Story, job: Job, subject: str, event: JsonObject) -> None:
    data = event["data"]
    story.line(f"{subject}: {_brief({key: value for key, value in event.items() if key != 'data'})}")
    story.line(f"output: {data.get('result', data)['output']}")
    story.check("the result event says completed", event["subject"] == job.id and subject.endswith(".completed"))
    story.check("its output is the orchestrator's answer", data["result"]["output"] == ANSWER)
    story.check(f"its final state has {FILE}", PROPOSAL in str(data["result"]["final_state"]["files"][FILE]))


def _brief(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={textwrap.shorten(str(value), 60)}" for name, value in values.items())


@dataclass(frozen=True)
class Desk:
    """Where jobs are handed in and their facts come out."""

    client: Client
    facts: Subscription

    async def submit(self, job: Job) -> str:
        """Publish the job, and say where it lies."""
        subject = f"{DEFAULT_SUBJECT_PREFIX}.execute.demo"
        stored = await self.client.jetstream().publish(subject, job.event())
        return f"{subject}: message {stored.seq} of {stored.stream}"

    async def outcome(self) -> tuple[str, JsonObject]:
        """The subject and the event of the next fact that ends a job."""
        while True:
            message = await self.facts.next_msg(timeout=60)
            if not message.subject.endswith((".started", ".progress")):
                return message.subject, json.loads(message.data)


@asynccontextmanager
async def desk(servers: Servers) -> AsyncIterator[Desk]:
    """A connection to NATS that hears every fact from here on."""
    client = await nats.connect(servers.nats.url)
    try:
        yield Desk(client, await client.subscribe(f"{DEFAULT_SUBJECT_PREFIX}.status.*"))
    finally:
        await client.close()


async def entries(servers: Servers, job: Job) -> AsyncIterator[tuple[str, str, Any]]:
    """What the job streams through Dragonfly, as it does: type, node, data; ends after its `end`."""
    key, after = f"langgraph:stream:{job.id}", "0"
    async with _dragonfly(servers) as client:
        while True:
            for entry, fields in await _read(client, key, after):
                yield fields["type"], fields["node"], json.loads(fields["data"])
                after = entry
                if fields["type"] == "end":
                    return


def _dragonfly(servers: Servers) -> redis.asyncio.Redis:
    # With a socket timeout it writes under asyncio.wait_for, which on Python 3.11 may swallow a cancellation.
    url = servers.dragonfly.url
    return redis.asyncio.from_url(url, protocol=2, decode_responses=True, socket_timeout=None)


async def _read(client: redis.asyncio.Redis, key: str, after: str) -> list[tuple[str, dict[str, str]]]:
    """The stream's next entries, waiting a second for one."""
    found: Any = await client.xread({key: after}, block=1000)
    return [(entry, fields) for _, stream in found for entry, fields in stream]


async def checkpoints(servers: Servers, job: Job) -> dict[str, int]:
    """How many rows of each table LangGraph keeps for the job's thread."""
    async with await psycopg.AsyncConnection.connect(servers.postgres.url) as connection:
        return {table: await _rows(connection, table, job) for table in TABLES}


async def _rows(connection: psycopg.AsyncConnection[Any], table: str, job: Job) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE thread_id = %s").format(sql.Identifier(table))
    found = await (await connection.execute(query, [job.id])).fetchone()
    return int(found[0]) if found else 0
