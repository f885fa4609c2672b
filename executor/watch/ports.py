"""What watching needs of the world, as narrow as its need; the adapters satisfy it silently."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from executor.jobs.entries import Place, StreamEntry
from executor.jobs.job import Job

News = Mapping[str, Sequence[StreamEntry]]  # by thread


class EntryReader(Protocol):
    """Where the entries of threads are read back from; every method raises TryAgain."""

    async def page(self, thread_id: str, place: Place) -> Sequence[StreamEntry]:
        """The entry of the place, if it is still there, and the next that follow."""

    async def last(self, thread_id: str) -> Place:
        """The place of the thread's last entry, BEGINNING where it has none."""

    async def news(self, places: Mapping[str, Place], seconds: float) -> News:
        """The next entries after each thread's place, once any has some or so many seconds are over."""


class Jobs(Protocol):
    """Where jobs are looked up."""

    async def job(self, job_id: str) -> Job | None:
        """The job of this id; raises TryAgain."""
