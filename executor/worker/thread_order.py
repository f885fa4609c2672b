"""Thread order: jobs of a thread begin in the order of the stream, also where neighbours went to different workers.

A claim sees what the ledger knows. A job that was delivered before this one, to a worker that has not claimed it yet,
the ledger does not know: it is looked for in the stream itself. Only jobs that name a thread need that.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from executor.jobs.envelope import Invalid
from executor.jobs.events import ACCEPTED, parse
from executor.jobs.job import JobRequest
from executor.settings import ACK_WAIT
from executor.worker.ports import Delivery, Ledger

log = structlog.get_logger()

PAUSE_SECONDS = 0.01
LOOKED_BACK = 1000  # places in the stream; more are in flight nowhere


class StoredJobs(Protocol):
    """The jobs' stream, to look back in."""

    async def acknowledged(self) -> int:
        """The place up to which all is acknowledged; raises TryAgain."""

    async def at(self, sequence: int) -> tuple[Mapping[str, str], bytes] | None:
        """The headers and body at a place, or None where there is nothing any more; raises TryAgain."""


class ThreadOrder:
    """Makes a job wait for those before it that are on their way into the ledger."""

    def __init__(self, stream: StoredJobs, ledger: Ledger, accepted: frozenset[str] = ACCEPTED) -> None:
        self._stream = stream
        self._ledger = ledger
        self._accepted = accepted

    async def wait(self, delivery: Delivery, job: JobRequest) -> None:
        """Return when it is the job's turn to be claimed, at the latest when whoever is before it counts as lost."""
        if job.thread_id == job.job_id:
            return
        try:
            async with asyncio.timeout(ACK_WAIT):
                while await self._ahead(delivery.sequence, job):  # noqa: ASYNC110 - another process ends the wait
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            log.warning("not waited for any longer: a job before it died with its worker", job=job.job_id)

    async def _ahead(self, sequence: int, job: JobRequest) -> bool:
        """Whether a job of the same thread is on its way between the broker and the ledger."""
        after = max(await self._stream.acknowledged(), sequence - LOOKED_BACK)
        if after >= sequence - 1:
            return False
        before = [await self._job_at(place) for place in await self._ledger.unknown(after, sequence)]
        theirs = [other.job_id for other in before if other is not None and other.thread_id == job.thread_id]
        return bool(theirs) and bool(set(theirs) - await self._ledger.seen(theirs))

    async def _job_at(self, sequence: int) -> JobRequest | None:
        found = await self._stream.at(sequence)
        if found is None:
            return None
        try:
            return parse(*found, self._accepted)
        except Invalid:
            return None
