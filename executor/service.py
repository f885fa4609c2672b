"""What is open becomes the service: the worker, the API's service, and what goes on beside them."""

import asyncio
import socket
import uuid
from dataclasses import dataclass
from importlib.metadata import version

import structlog

from executor.agents.agents import Agents
from executor.agents.states import StateReader
from executor.api.service import JobService
from executor.api.waits import Waits
from executor.broker import Broker
from executor.checkpoints import Savers
from executor.errors import TryAgain
from executor.faces.langgraph.face import Desk
from executor.faces.langgraph.states import States
from executor.jobs.job import FEATURES
from executor.jobs.outcomes import Outcomes
from executor.ledger import Definitions, Ledger, Pods, Register, Sweeps, Threads, WaitingRoom
from executor.progress import Progress, Reader
from executor.settings import Settings
from executor.telemetry import Metrics
from executor.watch import Watches
from executor.worker.admission import Admission
from executor.worker.failpoints import with_failpoint
from executor.worker.leases import Leases
from executor.worker.left_behind import LeftBehind
from executor.worker.orphans import Orphans
from executor.worker.outbox import Outbox
from executor.worker.presence import Presence
from executor.worker.processor import Processor
from executor.worker.retention import Retention
from executor.worker.stream_ends import StreamEnds
from executor.worker.sweeps import Sweep, keep_sweeping
from executor.worker.thread_order import ThreadOrder
from executor.worker.worker import Worker

log = structlog.get_logger()

OPENED_SECONDS = 1.0


@dataclass(frozen=True)
class Resources:
    """What the service stands on, open."""

    savers: Savers
    progress: Progress
    reader: Reader
    broker: Broker
    ledger: Ledger
    room: WaitingRoom
    register: Register
    sweeps: Sweeps
    definitions: Definitions
    pods: Pods
    threads: Threads


class Parts:
    """What the worker, the API's service and the sweeps share."""

    def __init__(self, settings: Settings, metrics: Metrics, resources: Resources, agents: Agents) -> None:
        self.settings = settings
        self.metrics = metrics
        self.resources = resources
        self.agents = agents
        self.outcomes = Outcomes(settings.nats, settings.name, resources.broker.max_body)
        self.waits = Waits(resources.register, resources.broker)
        self.outbox = Outbox(resources.broker, resources.ledger, self.outcomes.wake, self.waits.tell)
        self.leases = Leases(resources.ledger)
        self.stream_ends = StreamEnds(resources.progress, resources.reader)
        self.watches = Watches(resources.reader, resources.register, settings.watchers)


class Service:
    """One for a process; `agents` run its jobs."""

    def __init__(self, settings: Settings, metrics: Metrics, resources: Resources, agents: Agents) -> None:
        self._resources = with_failpoint(resources, settings.crash_at)
        self._parts = parts = Parts(settings, metrics, self._resources, agents)
        self._presence = Presence(resources.pods, _pod(), version("agent-executor"), FEATURES)
        self._sweeps = _sweeps(parts)
        self._worker = _worker(parts)
        self.jobs = _jobs(parts)
        self.desk = _desk(parts, self.jobs)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, and hand over; raises ExecutorError where the broker is lost for good."""
        async with asyncio.TaskGroup() as group:
            beside = [
                *(self._sweep_in(group, sweep) for sweep in self._sweeps),
                group.create_task(self._call_off(), name="cancellations"),
                group.create_task(self._let_pass(), name="gates"),
                group.create_task(self._resources.broker.watch(), name="watch"),
                group.create_task(self._parts.watches.run(), name="watches"),
                group.create_task(self._parts.agents.follow(), name="agents"),
                group.create_task(self._presence.keep(), name="presence"),
                group.create_task(self._parts.waits.run(), name="waits"),
            ]
            await self._worker.run(stop)
            for task in beside:
                task.cancel()
        await self._presence.end()

    def _sweep_in(self, group: asyncio.TaskGroup, sweep: Sweep) -> asyncio.Task[None]:
        return group.create_task(keep_sweeping(sweep, self._resources.sweeps), name=sweep.name)

    async def _call_off(self) -> None:
        """End the jobs that somebody wants ended: here at once, elsewhere by way of the ledger."""
        async for job_id in self._resources.broker.cancellations():
            self._parts.leases.cancel(job_id)
            await self.jobs.note_cancelled(job_id)

    async def _let_pass(self) -> None:
        """Let those go on that wait in the ledger at gates which have opened here, whichever process closed theirs."""
        while True:
            await asyncio.sleep(OPENED_SECONDS)
            opened = self._parts.agents.gates.opened()
            try:
                if opened:
                    await self._resources.room.let_pass(opened)
            except TryAgain as error:
                log.warning("not let pass yet", gates=opened, error=str(error))
                self._parts.agents.gates.put_back(opened)


def _sweeps(parts: Parts) -> list[Sweep]:
    resources = parts.resources
    left_behind = LeftBehind(resources.sweeps, parts.outbox)
    retention = Retention(resources.register, resources.savers.forget, parts.settings.worker.keep_jobs_seconds)
    orphans = Orphans(resources.broker, resources.sweeps, parts.outbox, parts.outcomes, parts.stream_ends)
    return [*left_behind.sweeps(), retention.sweep(), orphans.sweep()]


def _jobs(parts: Parts) -> JobService:
    return JobService(
        parts.resources.register,
        parts.outbox,
        parts.agents,
        parts.watches,
        parts.outcomes,
        parts.resources.broker,
        parts.stream_ends,
        parts.resources.pods,
        parts.waits,
        parts.settings.accepted_types,
    )


def _desk(parts: Parts, jobs: JobService) -> Desk:
    resources = parts.resources
    reader = StateReader(parts.agents.graph, resources.savers.reading)
    states = States(resources.threads, resources.definitions, reader)
    return Desk(jobs, resources.threads, states, resources.savers.forget, parts.agents)


def _worker(parts: Parts) -> Worker:
    worker = parts.settings.worker
    return Worker(
        parts.resources.broker,
        parts.leases,
        _processor(parts),
        concurrency=worker.concurrency,
        drain_seconds=worker.drain_seconds,
    )


def _processor(parts: Parts) -> Processor:
    return Processor(
        admission=_admission(parts),
        broker=parts.resources.broker,
        ledger=parts.resources.ledger,
        outbox=parts.outbox,
        leases=parts.leases,
        agents=parts.agents,
        progress=parts.resources.progress,
        stream_ends=parts.stream_ends,
        outcomes=parts.outcomes,
        metrics=parts.metrics,
        settings=parts.settings.worker,
        scrub=parts.settings.scrub,
    )


def _admission(parts: Parts) -> Admission:
    resources, accepted = parts.resources, parts.settings.accepted_types
    return Admission(
        ledger=resources.ledger,
        room=resources.room,
        outbox=parts.outbox,
        outcomes=parts.outcomes,
        thread_order=ThreadOrder(resources.broker, resources.room, accepted),
        stream_ends=parts.stream_ends,
        agents=parts.agents,
        accepted=accepted,
    )


def _pod() -> str:
    """A name of this process that no other has, not even the next one of the same pod."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
