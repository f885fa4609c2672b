"""What is open becomes the service: the worker, the front desk, and what goes on beside them."""

import asyncio
from dataclasses import dataclass

from executor.agents.agents import Agents
from executor.broker import Broker
from executor.checkpoints import Savers
from executor.crash import armed
from executor.desk import Desk
from executor.ends import Ends
from executor.housekeeping import Housekeeping
from executor.jobs.outcomes import Outcomes
from executor.leases import Leases
from executor.ledger import Ledger, Register
from executor.outbox import Outbox
from executor.process import Processor
from executor.progress import Progress, Reader
from executor.reception import Reception
from executor.settings import Settings
from executor.stranded import Stranded
from executor.telemetry import Metrics
from executor.turns import Turns
from executor.worker import Worker


@dataclass(frozen=True)
class Opened:
    """What the service stands on, open."""

    savers: Savers
    progress: Progress
    reader: Reader
    broker: Broker
    ledger: Ledger
    register: Register


class Service:
    """One for a process; `agents` run its jobs."""

    def __init__(self, settings: Settings, metrics: Metrics, opened: Opened, agents: Agents) -> None:
        self._opened = opened = armed(opened, settings.crash_at)
        accepted = settings.accepted_types
        outcomes = Outcomes(settings.nats, settings.name, opened.broker.max_body)
        self._outbox = Outbox(opened.broker, opened.ledger, outcomes.wake)
        self._leases = Leases(opened.ledger)
        self._housekeeping = Housekeeping(opened.register, opened.savers.forget, settings.worker.keep_jobs_seconds)
        ends = Ends(opened.progress, opened.reader)
        self._stranded = Stranded(opened.broker, opened.ledger, self._outbox, outcomes, ends)
        self.desk = Desk(opened.register, self._outbox, agents, opened.reader, outcomes, opened.broker, ends, accepted)
        turns = Turns(opened.broker, opened.ledger, accepted)
        reception = Reception(
            ledger=opened.ledger, outbox=self._outbox, outcomes=outcomes, turns=turns, ends=ends, accepted=accepted
        )
        processor = Processor(
            reception=reception,
            broker=opened.broker,
            ledger=opened.ledger,
            outbox=self._outbox,
            leases=self._leases,
            agents=agents,
            progress=opened.progress,
            outcomes=outcomes,
            metrics=metrics,
            settings=settings.worker,
            scrub=settings.scrub,
        )
        self._worker = Worker(
            opened.broker,
            self._leases,
            processor,
            concurrency=settings.worker.concurrency,
            drain_seconds=settings.worker.drain_seconds,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, and hand over; raises ExecutorError where the broker is lost for good."""
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._outbox.sweep(), name="sweep"),
                group.create_task(self._housekeeping.run(), name="housekeeping"),
                group.create_task(self._stranded.run(), name="stranded"),
                group.create_task(self._call_off(), name="cancellations"),
                group.create_task(self._opened.broker.watch(), name="watch"),
            ]
            await self._worker.run(stop)
            for task in beside:
                task.cancel()

    async def _call_off(self) -> None:
        """End the jobs that somebody wants ended: here at once, elsewhere by way of the ledger."""
        async for job_id in self._opened.broker.cancellations():
            self._leases.cancel(job_id)
            await self.desk.note_cancelled(job_id)
