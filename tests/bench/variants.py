"""What is measured beside what: each variant runs the same graph for the same jobs, and stops the watch."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import nats
import psycopg
from langgraph.graph.state import CompiledStateGraph
from nats.js.client import JetStreamContext

from contract import Env
from executor import broker, checkpoints, progress
from executor.agents.agents import Agents
from executor.agents.declared import Declared
from executor.ledger import Definitions, Ledger, Pods, Register, Sweeps, Threads, WaitingRoom
from executor.postgres.pool import open_pool
from executor.service import Resources, Service
from executor.settings import Settings
from executor.telemetry import Metrics
from executor.worker.leases import LEASE_SECONDS
from tests.bench.graph import event, payload, three_nodes
from tests.bench.watch import Watch
from tests.integration.checkpoints.lab import claim_of
from tests.rig import Environment

Variant = Callable[[Environment, int, int, Watch], Awaitable[None]]  # environment, jobs, at once
Job = Callable[[str], Awaitable[Any]]

CLAIMED = """
INSERT INTO jobs (job_id, thread_id, digest, status, epoch)
SELECT name, name, '', 'running', 1 FROM unnest(%s::text[]) AS name
"""


async def bare(_: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    """The graph alone: no checkpoints, no broker."""
    graph = three_nodes().compile()
    with watch:
        await _at_once(at_once, (graph.ainvoke(payload()) for _ in range(jobs)))


async def stock(environment: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    """The graph with LangGraph's own saver, every step durable."""
    async with open_pool(Settings.read(environment).postgres) as pool:
        graph = three_nodes().compile(checkpointer=checkpoints.stock(pool))
        names = [uuid.uuid4().hex for _ in range(jobs)]
        with watch:
            await _at_once(at_once, (_invoke(graph, name) for name in names))


async def saved(environment: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    """The graph with our saver, every step durable and fenced; the jobs are claimed before."""
    settings = Settings.read(environment)
    names = [uuid.uuid4().hex for _ in range(jobs)]
    async with (
        open_pool(settings.postgres) as pool,
        checkpoints.open_savers(settings.checkpoints, settings.postgres, pool, Metrics()) as savers,
        await psycopg.AsyncConnection.connect(**settings.postgres.conninfo(), autocommit=True) as admin,
    ):
        await admin.execute(CLAIMED, [names])
        graph = three_nodes().compile()

        async def job(name: str) -> None:
            saver = savers.of(claim_of(name, 1, fresh=True))
            await _invoke(graph.copy(update={"checkpointer": saver}), name)

        with watch:
            await _at_once(at_once, map(job, names))


async def loop(environment: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    """What one writes by hand: fetch, run with LangGraph's own saver, publish, acknowledge."""
    settings = Settings.read(environment)
    client = await nats.connect(settings.nats.url)
    js = client.jetstream()
    async with open_pool(settings.postgres) as pool:
        graph = three_nodes().compile(checkpointer=checkpoints.stock(pool))
        await _publish(js, settings, jobs)
        shares = [jobs // at_once + (index < jobs % at_once) for index in range(at_once)]
        with watch:
            await asyncio.gather(*(_by_hand(js, settings, graph, share) for share in shares))
    await client.close()


async def ours(environment: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    """The service, whole: ledger, leases, fenced checkpoints, events, outbox, streaming."""
    settings = Settings.read(environment | {Env.EXECUTOR_CONCURRENCY: str(at_once)})
    metrics, stop = Metrics(), asyncio.Event()
    async with _opened(settings, metrics) as opened, asyncio.TaskGroup() as group:
        jetstream = opened.broker.jetstream
        await _publish(jetstream, settings, jobs)
        service = Service(settings, metrics, opened, OneGraph(settings.models, opened.savers.of))
        with watch:
            running = group.create_task(service.run(stop))
            await _until_published(jetstream, settings, jobs)
        stop.set()
        await running


class OneGraph(Agents):
    """Every definition is the three nodes."""

    declared = Declared.of(three_nodes().compile())

    async def _declared(self, _: Any, __: Any) -> Declared:
        return self.declared


async def _invoke(graph: CompiledStateGraph[Any, Any, Any, Any], name: str, given: Any = None) -> Any:
    return await graph.ainvoke(given or payload(), {"configurable": {"thread_id": name}}, durability="sync")


async def _by_hand(js: JetStreamContext, settings: Settings, graph: Any, share: int) -> None:
    subscription = await js.pull_subscribe_bind(settings.nats.consumer, settings.nats.stream)
    for _ in range(share):
        [message] = await subscription.fetch(1)
        data = json.loads(message.data)["data"]
        state = await _invoke(graph, data["job_id"], data["input_payload"])
        result = json.dumps({"job_id": data["job_id"], "output": state["messages"][-1].content})
        await js.publish(settings.nats.subject("status", "completed"), result.encode())
        await message.ack()


@asynccontextmanager
async def _opened(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    async with (
        open_pool(settings.postgres) as pool,
        checkpoints.open_savers(settings.checkpoints, settings.postgres, pool, metrics) as savers,
        progress.open_progress(settings.dragonfly) as stream,
        progress.open_reader(settings.dragonfly) as reader,
        broker.connect(settings.nats) as connected,
    ):
        book, sweeps = Ledger(pool, LEASE_SECONDS), Sweeps(pool, LEASE_SECONDS)
        register, room, definitions, pods = Register(pool), WaitingRoom(pool), Definitions(pool), Pods(pool)
        threads = Threads(pool)
        yield Resources(savers, stream, reader, connected, book, room, register, sweeps, definitions, pods, threads)


async def _publish(js: JetStreamContext, settings: Settings, jobs: int) -> None:
    subject = settings.nats.subject("execute", "bench")
    await _at_once(64, (js.publish(subject, event(uuid.uuid4().hex)) for _ in range(jobs)))


async def _until_published(js: JetStreamContext, settings: Settings, jobs: int) -> None:
    subject = settings.nats.subject("status", "completed")
    while True:
        state = (await js.stream_info(settings.nats.status_stream, subjects_filter=subject)).state
        if (state.subjects or {}).get(subject, 0) >= jobs:
            return
        await asyncio.sleep(0.05)


async def _at_once(limit: int, work: Iterable[Awaitable[Any]]) -> None:
    slots = asyncio.Semaphore(limit)

    async def one(job: Awaitable[Any]) -> None:
        async with slots:
            await job

    await asyncio.gather(*(one(job) for job in work))
