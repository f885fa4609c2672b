"""Workers for these tests: whole services in processes that are forked from a warm one, and services in this process.

Both are quick to recover: leases and ack-waits of three seconds, sweeps at once. Nothing else differs.
"""

import asyncio
import ctypes
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract import READY_PATH, Env
from executor import app, broker, checkpoints, progress
from executor.agents.agents import Agents
from executor.agents.declared import Declared
from executor.api.service import SubmittedJob
from executor.broker import broker as taking
from executor.broker.layout import layout
from executor.embedded.loopback import HOST, free_port, http_ok, wait_until
from executor.jobs import verdict
from executor.jobs.caller import ANYBODY
from executor.jobs.events import parse
from executor.ledger import Definitions, Ledger, Pods, Register, Sweeps, Threads, WaitingRoom
from executor.ledger.sql import sweeps as sql
from executor.postgres import pool
from executor.postgres.pool import Pool, open_pool
from executor.service import Resources, Service
from executor.settings import NatsSettings, Settings
from executor.telemetry import Metrics
from executor.worker import leases, left_behind, processor, thread_order
from tests.integration.world import STRUCTURED

LEASE = 3.0
WARM = ["executor.__main__", "executor.app", "executor.agents.build", "langchain_openai", __name__]
PR_SET_PDEATHSIG = 1
GIVEN: set[int] = set()
WAITS: dict[tuple[Any, str], Any] = {
    (app, "LEASE_SECONDS"): LEASE,
    (taking, "TAKE_SECONDS"): 0.3,
    (pool, "WAIT_SECONDS"): 2.0,
    (leases, "BEAT_SECONDS"): LEASE / 3,
    (thread_order, "ACK_WAIT"): LEASE,
    (left_behind, "SWEEP_SECONDS"): 0.3,
    (processor, "GIVEN_BACK_SECONDS"): 0.3,
    (verdict, "FIRST_DELAY"): 0.2,
    (sql, "OVERDUE"): sql.OVERDUE.replace("30 seconds", "1 second"),
    (sql, "WAKE_AGAIN"): sql.WAKE_AGAIN.replace("1 minute", "1 second"),
}


def quicken() -> None:
    """Shorten the waits of this process."""
    for (module, name), value in WAITS.items():
        setattr(module, name, value)


async def shorten_ack_wait(environment: Mapping[str, str]) -> None:
    """The consumer with an ack-wait as short as our leases."""
    settings = NatsSettings.read(environment)
    wanted = layout(settings)
    async with broker.connect(settings) as connected:
        await broker.provision(connected.jetstream, replace(wanted, consumer=replace(wanted.consumer, ack_wait=LEASE)))


@dataclass
class Forked:
    """`agent-executor serve` as a process of its own; ended with the test."""

    environment: Mapping[str, str]
    log: Path
    _process: Any = None

    def __post_init__(self) -> None:
        while (port := free_port()) in GIVEN:  # one that was given and is not listened on yet looks free
            pass
        GIVEN.add(port)
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; none while it runs."""
        return self._process.exitcode  # type: ignore[no-any-return] # multiprocessing's

    def start(self, **more: str) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(WARM)
        environment = {**self.environment, Env.PORT: str(self.port), **more}
        self._process = context.Process(target=_serve, args=(environment, str(self.log)), daemon=True)
        self._process.start()

    def send(self, what: signal.Signals) -> None:
        os.kill(self.pid, what)

    async def is_ready(self) -> bool:
        assert self.status is None, f"ended with {self.status}"
        return await http_ok(self.port, READY_PATH)

    async def until_ready(self) -> None:
        await wait_until(f"{self.url} is ready", self.is_ready, 60)

    async def ended(self, limit: float = 60) -> int | None:
        async def is_over() -> bool:
            return self.status is not None

        await wait_until("the process ends", is_over, limit)
        return self.status

    async def stop(self) -> None:
        if self._process is not None and self.status is None:
            self.send(signal.SIGCONT)
            self._process.kill()
            await self.ended()


def _serve(environment: dict[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.clear()
    os.environ.update(environment)
    quicken()
    from executor.__main__ import main  # noqa: PLC0415 - it is warm

    sys.argv = ["agent-executor", "serve"]
    main()


@dataclass(frozen=True)
class Running:
    """A service in this process."""

    resources: Resources
    service: Service
    stop: asyncio.Event
    pool: Pool

    async def age(self, *jobs: str) -> None:
        """Let jobs have ended two days ago."""
        query = "UPDATE jobs SET finished_at = now() - interval '2 days' WHERE job_id = ANY(%s)"
        async with self.pool.connection() as connection:
            await connection.execute(query, [list(jobs)])


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Resources]:
    """Connections of a service."""
    async with (
        open_pool(settings.postgres) as connections,
        checkpoints.open_savers(settings.checkpoints, settings.postgres, connections, Metrics()) as savers,
        progress.open_progress(settings.dragonfly) as stream,
        progress.open_reader(settings.dragonfly) as reader,
        broker.connect(settings.nats) as connected,
    ):
        book, sweeps = Ledger(connections, LEASE), Sweeps(connections, LEASE)
        register, room = Register(connections), WaitingRoom(connections)
        definitions, pods, threads = Definitions(connections), Pods(connections), Threads(connections)
        yield Resources(savers, stream, reader, connected, book, room, register, sweeps, definitions, pods, threads)


@asynccontextmanager
async def working(
    environment: Mapping[str, str], graph: Any = None, parts: Any = lambda parts: parts, **more: str
) -> AsyncIterator[Running]:
    """A service at work, with this graph for every definition where one is given; `parts` may change what it has."""
    settings = Settings.read({Env.EXECUTOR_DRAIN_SECONDS: "2", **environment, **more})
    stop = asyncio.Event()
    async with opened(settings) as connected, asyncio.TaskGroup() as group:
        agents = Agents(settings.models, connected.savers.of) if graph is None else OneGraph(settings, connected, graph)
        service = Service(settings, Metrics(), parts(connected), agents)
        task = group.create_task(service.run(stop))
        try:
            yield Running(connected, service, stop, connected.register._pool)
        finally:
            stop.set()
            await task


async def submit(running: Running, body: Mapping[str, Any]) -> None:
    """As `POST /` does it."""
    raw = json.dumps(body).encode()
    await running.service.jobs.submit([SubmittedJob(parse(STRUCTURED, raw), STRUCTURED, raw)], ANYBODY)


class OneGraph(Agents):
    """Every definition is the same graph."""

    def __init__(self, settings: Settings, connected: Resources, graph: Any) -> None:
        super().__init__(settings.models, connected.savers.of)
        self._one = Declared.of(graph)

    async def _declared(self, _: Any, __: Any) -> Declared:
        return self._one
