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


class Service:
    """One for a process; `agents` run its jobs."""

    def __init__(self, settings: Settings, metrics: Metrics, resources: Resources, agents: Agents) -> None:
        self._resources = resources = with_failpoint(resources, settings.crash_at)
        accepted = settings.accepted_types
        outcomes = Outcomes(settings.nats, settings.name, resources.broker.max_body)
        self._agents = agents
        self._gates = agents.gates
        self._waits = Waits(resources.register, resources.broker)
        self._outbox = Outbox(resources.broker, resources.ledger, outcomes.wake, self._waits.tell)
        self._leases = Leases(resources.ledger)
        retention = Retention(resources.register, resources.savers.forget, settings.worker.keep_jobs_seconds)
        stream_ends = StreamEnds(resources.progress, resources.reader)
        orphans = Orphans(resources.broker, resources.sweeps, self._outbox, outcomes, stream_ends)
        left_behind = LeftBehind(resources.sweeps, self._outbox)
        self._sweeps = [*left_behind.sweeps(), retention.sweep(), orphans.sweep()]
        self._presence = Presence(resources.pods, _pod(), version("agent-executor"), FEATURES)
        self._watches = Watches(resources.reader, resources.register, settings.watchers)
        self.jobs = JobService(
            resources.register,
            self._outbox,
            agents,
            self._watches,
            outcomes,
            resources.broker,
            stream_ends,
            resources.pods,
            self._waits,
            accepted,
        )
        reader = StateReader(agents.graph, resources.savers.reading)
        states = States(resources.threads, resources.definitions, reader)
        self.desk = Desk(self.jobs, resources.threads, states, resources.savers.forget, agents)
        thread_order = ThreadOrder(resources.broker, resources.room, accepted)
        admission = Admission(
            ledger=resources.ledger,
            room=resources.room,
            outbox=self._outbox,
            outcomes=outcomes,
            thread_order=thread_order,
            stream_ends=stream_ends,
            agents=agents,
            accepted=accepted,
        )
        processor = Processor(
            admission=admission,
            broker=resources.broker,
            ledger=resources.ledger,
            outbox=self._outbox,
            leases=self._leases,
            agents=agents,
            progress=resources.progress,
            stream_ends=stream_ends,
            outcomes=outcomes,
            metrics=metrics,
            settings=settings.worker,
            scrub=settings.scrub,
        )
        self._worker = Worker(
            resources.broker,
            self._leases,
            processor,
            concurrency=settings.worker.concurrency,
            drain_seconds=settings.worker.drain_seconds,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, and hand over; raises ExecutorError where the broker is lost for good."""
        async with asyncio.TaskGroup() as group:
            beside = [
                *(self._sweep_in(group, sweep) for sweep in self._sweeps),
                group.create_task(self._call_off(), name="cancellations"),
                group.create_task(self._let_pass(), name="gates"),
                group.create_task(self._resources.broker.watch(), name="watch"),
                group.create_task(self._watches.run(), name="watches"),
                group.create_task(self._agents.follow(), name="agents"),
                group.create_task(self._presence.keep(), name="presence"),
                group.create_task(self._waits.run(), name="waits"),
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
            self._leases.cancel(job_id)
            await self.jobs.note_cancelled(job_id)

    async def _let_pass(self) -> None:
        """Let those go on that wait in the ledger at gates which have opened here, whichever process closed theirs."""
        while True:
            await asyncio.sleep(OPENED_SECONDS)
            opened = self._gates.opened()
            try:
                if opened:
                    await self._resources.room.let_pass(opened)
            except TryAgain as error:
                log.warning("not let pass yet", gates=opened, error=str(error))
                self._gates.put_back(opened)


def _pod() -> str:
    """A name of this process that no other has, not even the next one of the same pod."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
