"""The jobs that this process holds: their leases are renewed together, and given up together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from executor.errors import Cancelled, Drained, ExecutorError, LeaseLost, Rejected, TryAgain
from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest, Origin, Result
from executor.jobs.verdict import Failure
from executor.worker.ports import Delivery, Ledger, Run

log = structlog.get_logger()

LEASE_SECONDS = 15.0
BEAT_SECONDS = LEASE_SECONDS / 3


@dataclass(eq=False)
class Held:
    """A job that this process owns, and the run that can be told to stop."""

    delivery: Delivery
    claim: Claim
    job: JobRequest
    origin: Origin
    refused: Failure | None = None  # why it cannot even be begun with
    run: Run | None = None
    task: asyncio.Task[Result] | None = None
    draining: bool = False
    why: ExecutorError | None = None  # what ended the run from outside
    ended: bool = False  # the outcome is written: there is no lease any more, but a message to acknowledge

    async def finish(self, run: Run, seconds: float) -> Result:
        """Run to the end; raises what ended it from outside: LeaseLost, Cancelled, Drained, or Rejected by time."""
        self.run = run
        if self.draining:
            run.drain()
        self.task = asyncio.create_task(run.finish(), name=f"run {self.claim.job_id}")
        if self.why is not None:
            self.task.cancel()
        clock = asyncio.get_running_loop().call_later(seconds, self.end, _too_long(seconds))
        try:
            return await self.task
        except asyncio.CancelledError:
            if not self.task.cancelled() or self.why is None:  # it is this coroutine that was cancelled
                self.task.cancel()
                raise
            raise self.why from None
        finally:
            clock.cancel()

    def drain(self) -> None:
        """Let the run stop at its next step, also where it is only about to begin."""
        self.draining = True
        if self.run is not None:
            self.run.drain()

    def end(self, why: ExecutorError) -> None:
        """End the run at once."""
        self.why = self.why or why
        if self.task is not None:
            self.task.cancel()


class Leases:
    """All jobs that this process holds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: set[Held] = set()
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, held: Held) -> Iterator[None]:
        """Keep the job's lease and its message's ack-wait from running out."""
        held.draining = self.is_draining
        self._held.add(held)
        try:
            yield
        finally:
            self._held.discard(held)

    async def beat(self) -> None:
        """Renew all leases in one statement, then tell the broker, for ever."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self._held:
                await self._renew(list(self._held))

    async def drain(self, grace: float) -> None:
        """Ask every run to stop at its next step; after so many seconds, end it where it is."""
        self.is_draining = True
        for held in self._held:
            held.drain()
        await asyncio.sleep(grace)
        for held in self._held:
            log.warning("the grace is over: the job goes on elsewhere", job=held.claim.job_id)
            held.end(Drained())

    def cancel(self, job_id: str) -> None:
        """End the run of the job, if it is here."""
        for held in self._held:
            if held.claim.job_id == job_id:
                held.end(Cancelled(job_id))

    async def _renew(self, beating: list[Held]) -> None:
        try:
            ours = await self._ledger.renew([held.claim for held in beating if not held.ended])
        except TryAgain as error:
            # Nobody else can claim either. The same epoch may be renewed when the database is back.
            log.warning("leases not renewed", jobs=len(beating), error=str(error))
            ours = {held.claim.job_id: False for held in beating}
        for held in beating:
            if held.ended or held.claim.job_id in ours:
                await held.delivery.in_progress()
            elif held in self._held:
                log.warning("lease lost", job=held.claim.job_id)
                held.end(LeaseLost(held.claim.job_id))
            if ours.get(held.claim.job_id):
                held.end(Cancelled(held.claim.job_id))


def _too_long(seconds: float) -> Rejected:
    return Rejected("timeout", f"took longer than {seconds:.0f} s (EXECUTOR_JOB_TIMEOUT_SECONDS)")
