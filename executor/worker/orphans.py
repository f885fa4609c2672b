"""Orphans: jobs whose workers died and whose messages then left the stream by age, so that nothing brings them back."""

from typing import Protocol

import structlog

from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest
from executor.jobs.outcomes import Outcomes
from executor.jobs.verdict import orphaned
from executor.worker.outbox import Outbox
from executor.worker.stream_ends import StreamEnds
from executor.worker.sweeps import BATCH, Sweep

log = structlog.get_logger()

ROUND_SECONDS = 60.0


class JobsStream(Protocol):
    """The jobs' stream."""

    async def first(self) -> int:
        """The place of its first message, or the one after its last; raises TryAgain."""


class OrphanLedger(Protocol):
    """The ledger, as far as it knows of them."""

    async def orphans(self, first: int) -> list[tuple[str, Claim]]:
        """Claim those whose messages lay before the stream's first; with their threads; raises TryAgain."""


class Orphans:
    """Ends orphans as failed. No message is left to keep."""

    def __init__(
        self, stream: JobsStream, ledger: OrphanLedger, outbox: Outbox, outcomes: Outcomes, ends: StreamEnds
    ) -> None:
        self._stream = stream
        self._ledger = ledger
        self._outbox = outbox
        self._outcomes = outcomes
        self._ends = ends

    def sweep(self) -> Sweep:
        """Every minute."""
        return Sweep("orphans", ROUND_SECONDS, self.round)

    async def round(self) -> bool:
        """End a batch of them; whether there are more."""
        found = await self._ledger.orphans(await self._stream.first())
        for thread_id, claim in found:
            await self._end(thread_id, claim)
        return len(found) >= BATCH

    async def _end(self, thread_id: str, claim: Claim) -> None:
        log.warning("job failed: its message left the stream after its worker", job=claim.job_id)
        outcome = self._outcomes.lost(JobRequest(claim.job_id, thread_id, {}, {}), orphaned(), claim)
        await self._outbox.finish(claim, outcome)
        await self._ends.say(thread_id, claim.job_id, claim.attempt, outcome.status)
        await self._outbox.publish_and_wake(thread_id, outcome.messages)
