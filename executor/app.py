"""The service: opens everything, runs the API and the worker, closes everything."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from executor import broker, checkpoints, progress
from executor.access import open_tokens
from executor.agents import graphs
from executor.agents.agents import Agents
from executor.agents.ahead import import_ahead
from executor.agents.catalogue import Catalogue
from executor.api.server import serve as serve_http
from executor.api.state import State
from executor.broker import Broker
from executor.checkpoints.langgraph_internals import reads_back
from executor.errors import TryAgain
from executor.faces import langgraph
from executor.faces.langgraph.face import Face
from executor.ledger import Definitions, Ledger, Pods, Register, Sweeps, Threads, WaitingRoom
from executor.postgres.pool import open_pool
from executor.service import Resources, Service
from executor.settings import Settings
from executor.telemetry import Metrics
from executor.worker.leases import LEASE_SECONDS

log = structlog.get_logger()

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
GC_THRESHOLDS = 50_000, 10, 10


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raises ExecutorError where the service cannot go on."""
    stop, quiet = asyncio.Event(), asyncio.Event()
    _on_signals(stop)
    issuers = settings.access.issuers
    async with open_tokens(issuers) as tokens, asyncio.TaskGroup() as group:
        face = Face(State(Metrics(), authentication=tokens if issuers else None))
        # The API is there before what it stands on: alive, not ready, and able to say what is missing.
        group.create_task(
            serve_http(face.state, settings.port, quiet, langgraph.routers(face), settings.origins), name="http"
        )
        try:
            await _work_until(stop, settings, face)
        finally:
            quiet.set()
    log.info("stopped")


async def _work_until(stop: asyncio.Event, settings: Settings, face: Face) -> None:
    working = asyncio.create_task(_work(settings, face, stop), name="work")
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if face.state.jobs is None:
            working.cancel()  # still waiting for a server that is not there
        face.state.stopping = True
        with contextlib.suppress(asyncio.CancelledError):
            await working
    finally:
        stopped.cancel()
        working.cancel()


async def _work(settings: Settings, face: Face, stop: asyncio.Event) -> None:
    state = face.state
    async with (
        open_pool(settings.postgres) as pool,
        checkpoints.open_savers(settings.checkpoints, settings.postgres, pool, state.metrics) as savers,
        progress.open_progress(settings.dragonfly) as stream,
        progress.open_reader(settings.dragonfly) as reader,
        _connected(settings, state) as nats,
    ):
        own = settings.access.own_tenant
        book, sweeps = Ledger(pool, LEASE_SECONDS, own), Sweeps(pool, LEASE_SECONDS)
        state.deciding.update(nats=nats.check, postgres=book.check)
        state.reported.update(dragonfly=reader.check)
        await asyncio.gather(_until_ready(state), asyncio.to_thread(import_ahead, settings.models))
        register, room, definitions = Register(pool, own), WaitingRoom(pool, own), Definitions(pool)
        resources = Resources(
            savers, stream, reader, nats, book, room, register, sweeps, definitions, Pods(pool), Threads(pool)
        )
        await _run(settings, face, stop, resources)


@asynccontextmanager
async def _connected(settings: Settings, state: State) -> AsyncIterator[Broker]:
    async def not_yet() -> None:
        raise TryAgain("NATS is not connected yet")

    state.deciding["nats"] = not_yet
    async with broker.connect(settings.nats) as nats:
        yield nats


async def _until_ready(state: State) -> None:
    pause = FIRST_PAUSE
    while True:
        try:
            async with asyncio.TaskGroup() as group:
                for check in state.deciding.values():
                    group.create_task(check())
        except* TryAgain as missing:
            log.warning("waiting", reasons=[str(error) for error in missing.exceptions])
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def settle_memory() -> None:
    """Spare the garbage collector: what is there now stays, and a job makes thousands of objects that do not."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _run(settings: Settings, face: Face, stop: asyncio.Event, resources: Resources) -> None:
    async with graphs.open_graphs(settings.graphs) as known:
        for doubt in graphs.doubts(known, reads_back):
            log.warning("a graph may not do as it is meant to", doubt=doubt)
        agents = await _agents(settings, face.state.metrics, resources, known)
        service = Service(settings, face.state.metrics, resources, agents)
        face.desk, face.state.jobs = service.desk, service.jobs
        settle_memory()
        log.info("ready", port=settings.port, concurrency=settings.worker.concurrency, graphs=sorted(known))
        await service.run(stop)


async def _agents(settings: Settings, metrics: Metrics, resources: Resources, known: graphs.Graphs) -> Agents:
    """The graphs of the image, and the folder of agents, which is read here; raises Misconfigured."""
    told, file = graphs.descriptions(settings.graphs), str(settings.graphs)
    return Agents(
        settings.models,
        resources.savers.of,
        known,
        catalogue=await asyncio.to_thread(Catalogue, settings.agents, told, file, metrics.agents_refused),
        kept=resources.definitions.definition,
        inline=settings.agents_inline,
        delta=settings.checkpoints.messages == "delta",
    )


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for word in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(word, stop.set)
