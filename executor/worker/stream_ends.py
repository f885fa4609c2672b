"""A thread's stream says of each job that it ended, also of one that had no worker at its end."""

import asyncio
from contextlib import suppress
from typing import Protocol

import structlog

from executor.errors import TryAgain
from executor.jobs.entries import Entry
from executor.worker.ports import EntrySink

log = structlog.get_logger()

WRITE_SECONDS = 0.2
UNDER_WAY_SECONDS = 1.0  # an outcome's entry follows it within milliseconds, but for a slow network


class EntryLookup(Protocol):
    """Where the entries of a thread are read back from."""

    async def ended(self, thread_id: str, job_id: str) -> bool:
        """Whether the stream says that the job ended; raises TryAgain."""


class StreamEnds:
    """Writes the last entries of jobs."""

    def __init__(self, progress: EntrySink, entries: EntryLookup) -> None:
        self._progress = progress
        self._entries = entries

    async def say(self, thread_id: str, job_id: str, attempt: int, status: str) -> None:
        """The job ended so; returns once that is written, so that no death loses it, or after 200 ms."""
        self._progress.emit(Entry(thread_id, job_id, attempt, "end", "", {"status": status}))
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITE_SECONDS):
                await self._progress.written()

    async def make_sure(self, thread_id: str, job_id: str, attempt: int, status: str) -> None:
        """Say it unless the stream does: whoever wrote the outcome may have died before, or be about to say it."""
        try:
            if await self._entries.ended(thread_id, job_id):
                return
            await asyncio.sleep(UNDER_WAY_SECONDS)
            if not await self._entries.ended(thread_id, job_id):
                await self.say(thread_id, job_id, attempt, status)
        except TryAgain as error:
            log.warning("not known whether the stream has its end", job=job_id, error=str(error))
