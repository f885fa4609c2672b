"""The jobs that this process holds: their leases are renewed together, and given up together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from executor.errors import Drained, LeaseLost, TryAgain
from executor.jobs import Claim, Result
from executor.ports import Delivery, Ledger, Run

log = structlog.get_logger()

LEASE_SECONDS = 15.0
BEAT_SECONDS = LEASE_SECONDS / 3


@dataclass(eq=False)
class Held:
    """A job that this process works on, and the run that can be told to stop."""

    delivery: Delivery
    claim: Claim
    run: Run | None = None
    task: asyncio.Task[Result] | None = None
    draining: bool = False
    lost: bool = False
    ended: bool = False  # the outcome is written: there is no lease any more, but a message to acknowledge

    async def finish(self, run: Run) -> Result:
        """Run to the end; raises LeaseLost or Drained where the lease or the grace ended first."""
        self.run = run
        if self.draining:
            run.drain()
        self.task = asyncio.create_task(run.finish(), name=f"run {self.claim.job_id}")
        try:
            return await self.task
        except asyncio.CancelledError:
            if not self.task.cancelled():  # it is this coroutine that was cancelled
                self.task.cancel()
                raise
            raise (LeaseLost(self.claim.job_id) if self.lost else Drained) from None

    def drain(self) -> None:
        """Let the run stop at its next step, also where it is only about to begin."""
        self.draining = True
        if self.run is not None:
            self.run.drain()

    def stop(self) -> None:
        """End the run at once."""
        if self.task is not None:
            self.task.cancel()


class Leases:
    """All jobs that this process holds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: set[Held] = set()
        self._draining = False

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, delivery: Delivery, claim: Claim) -> Iterator[Held]:
        """Keep the job's lease and its message's ack-wait from running out."""
        held = Held(delivery, claim, draining=self._draining)
        self._held.add(held)
        try:
            yield held
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
        self._draining = True
        for held in self._held:
            held.drain()
        await asyncio.sleep(grace)
        for held in self._held:
            log.warning("the grace is over: the job goes on elsewhere", job=held.claim.job_id)
            held.stop()

    async def _renew(self, beating: list[Held]) -> None:
        try:
            ours = await self._ledger.renew([held.claim for held in beating if not held.ended])
        except TryAgain as error:
            # Nobody else can claim either. The same epoch may be renewed when the database is back.
            log.warning("leases not renewed", jobs=len(beating), error=str(error))
            ours = {held.claim.job_id for held in beating}
        for held in beating:
            if held.ended or held.claim.job_id in ours:
                await held.delivery.in_progress()
            elif held in self._held:
                log.warning("lease lost", job=held.claim.job_id)
                held.lost = True
                held.stop()
