"""What is measured beside what: each variant runs the same graph for the same jobs and says how long it took."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.js.client import JetStreamContext

from contract import Env
from executor import broker, checkpoints, ledger, progress
from executor.agents.agents import Agents
from executor.leases import LEASE_SECONDS
from executor.ledger import Ledger, Register
from executor.service import Opened, Service
from executor.settings import Settings
from executor.telemetry import Metrics
from tests.bench.graph import event, payload, three_nodes
from tests.rig import Environment

Variant = Callable[[Environment, int, int], Awaitable[float]]  # environment, jobs, at once -> seconds


async def bare(_: Environment, jobs: int, at_once: int) -> float:
    """The graph alone: no checkpoints, no broker."""
    graph = three_nodes().compile()
    began = time.perf_counter()
    await _at_once(at_once, (graph.ainvoke(payload()) for _ in range(jobs)))
    return time.perf_counter() - began


async def loop(environment: Environment, jobs: int, at_once: int) -> float:
    """What one writes by hand: fetch, run with LangGraph's own saver, publish, acknowledge."""
    settings = Settings.read(environment)
    client = await nats.connect(settings.nats.url)
    js = client.jetstream()
    async with ledger.open_pool(settings.postgres) as pool:
        graph = three_nodes().compile(checkpointer=checkpoints.stock(pool))
        await _publish(js, settings, jobs)
        shares = [jobs // at_once + (index < jobs % at_once) for index in range(at_once)]
        began = time.perf_counter()
        await asyncio.gather(*(_by_hand(js, settings, graph, share) for share in shares))
        seconds = time.perf_counter() - began
    await client.close()
    return seconds


async def ours(environment: Environment, jobs: int, at_once: int) -> float:
    """The service, whole: ledger, leases, fenced checkpoints, events, outbox."""
    settings = Settings.read(environment | {Env.EXECUTOR_CONCURRENCY: str(at_once)})
    metrics, stop = Metrics(), asyncio.Event()
    async with _opened(settings, metrics) as opened, asyncio.TaskGroup() as group:
        jetstream = opened.broker.jetstream
        await _publish(jetstream, settings, jobs)
        service = Service(settings, metrics, opened, OneGraph(settings.models, opened.savers.of))
        began = time.perf_counter()
        running = group.create_task(service.run(stop))
        await _until_published(jetstream, settings, jobs)
        seconds = time.perf_counter() - began
        stop.set()
        await running
    return seconds


class OneGraph(Agents):
    """Every definition is the three nodes."""

    graph = three_nodes().compile()

    async def _graph(self, _: Any) -> Any:
        return self.graph


async def _by_hand(js: JetStreamContext, settings: Settings, graph: Any, share: int) -> None:
    subscription = await js.pull_subscribe_bind(settings.nats.consumer, settings.nats.stream)
    for _ in range(share):
        [message] = await subscription.fetch(1)
        data = json.loads(message.data)["data"]
        config = {"configurable": {"thread_id": data["job_id"]}}
        state = await graph.ainvoke(data["input_payload"], config, durability="sync")
        result = json.dumps({"job_id": data["job_id"], "output": state["messages"][-1].content})
        await js.publish(settings.nats.subject("status", "completed"), result.encode())
        await message.ack()


@asynccontextmanager
async def _opened(settings: Settings, metrics: Metrics) -> AsyncIterator[Opened]:
    async with (
        ledger.open_pool(settings.postgres) as pool,
        checkpoints.open_savers(settings.checkpoints, settings.postgres, pool, metrics) as savers,
        progress.open_progress(settings.dragonfly) as stream,
        progress.open_reader(settings.dragonfly) as reader,
        broker.connect(settings.nats) as connected,
    ):
        yield Opened(savers, stream, reader, connected, Ledger(pool, LEASE_SECONDS), Register(pool))


async def _publish(js: JetStreamContext, settings: Settings, jobs: int) -> None:
    subject = settings.nats.subject("execute", "bench")
    await _at_once(64, (js.publish(subject, event(uuid.uuid4().hex)) for _ in range(jobs)))


async def _until_published(js: JetStreamContext, settings: Settings, jobs: int) -> None:
    subject = settings.nats.subject("status", "completed")
    while True:
        state = (await js.stream_info(settings.nats.status_stream, subjects_filter=subject)).state
        if (state.subjects or {}).get(subject, 0) >= jobs:
            return
        await asyncio.sleep(0.02)


async def _at_once(limit: int, work: Iterable[Awaitable[Any]]) -> None:
    slots = asyncio.Semaphore(limit)

    async def one(job: Awaitable[Any]) -> None:
        async with slots:
            await job

    await asyncio.gather(*(one(job) for job in work))
