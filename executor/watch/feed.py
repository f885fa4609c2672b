"""The last entries of one thread, in memory: what all its watchers are told from, each at its own pace."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

from executor.jobs.entries import BEGINNING, Place, StreamEntry
from executor.jobs.job import TERMINAL, Job

HELD_CHARACTERS = 65_536


class Feed:
    """Holds every entry after the place `since`, up to `last`; none, and `since` is None, until it has begun.

    Whoever stands before `since` is too slow or comes too late, and reads the stream. `jobs` are those of the thread
    that are watched, as they were last seen.
    """

    def __init__(self, thread_id: str, begun: Callable[[], None]) -> None:
        self.thread_id = thread_id
        self.since: Place | None = None
        self.last = BEGINNING
        self.jobs: dict[str, Job] = {}
        self._begun = begun
        self._watchers: Counter[str] = Counter()
        self._followers = 0
        self._heard: set[str] = set()
        self._held: deque[StreamEntry] = deque()
        self._size = 0
        self._news = asyncio.Event()

    @contextmanager
    def watched(self, job: Job) -> Iterator[None]:
        """Somebody watches the job."""
        self.jobs[job.job_id] = job
        self._heard.add(job.job_id)
        self._watchers[job.job_id] += 1
        try:
            yield
        finally:
            self._watchers[job.job_id] -= 1
            if not self._watchers[job.job_id]:
                del self._watchers[job.job_id], self.jobs[job.job_id]

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Somebody follows the thread, whatever jobs it has."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    @property
    def is_watched(self) -> bool:
        """Whether anybody watches a job of the thread, or follows it."""
        return bool(self.jobs) or self._followers > 0

    def begin(self, place: Place) -> None:
        """Hold what comes after the place from now on; one that has begun stays as it is."""
        if self.since is None:
            self.since = self.last = place
            self._begun()

    def stop(self) -> None:
        """Hold nothing: what comes next may not be what came next."""
        self.since, self._size = None, 0
        self._held.clear()
        self.wake()

    def take(self, entries: Sequence[StreamEntry]) -> None:
        """Hold the entries that follow `last`, and let go of the oldest beyond what fits."""
        for entry in entries:
            self._held.append(entry)
            self._size += entry.size
            self._heard.add(entry.job)
        self.last = entries[-1].place
        while self._size > HELD_CHARACTERS and len(self._held) > 1:
            oldest = self._held.popleft()
            self._size -= oldest.size
            self.since = oldest.place
        self.wake()

    def after(self, place: Place) -> list[StreamEntry] | None:
        """The entries after the place, None where they are not all here."""
        if self.since is None or place < self.since:
            return None
        return [*takewhile(lambda entry: entry.place > place, reversed(self._held))][::-1]

    def wake(self) -> None:
        """Let all who wait look again."""
        self._news.set()
        self._news.clear()

    async def news(self) -> None:
        """Until there may be something new."""
        await self._news.wait()

    def silent(self) -> list[str]:
        """The watched jobs that are not known to have ended, and of which nothing was heard since this was asked."""
        silent = [name for name, job in self.jobs.items() if name not in self._heard and job.status not in TERMINAL]
        self._heard.clear()
        return silent

    def note(self, job: Job) -> None:
        """How a job was seen, if it is watched still."""
        if job.job_id in self.jobs:
            self.jobs[job.job_id] = job
            self.wake()
