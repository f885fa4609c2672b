"""Who waits here for jobs to end, and how they learn of it.

In the process at once, from other pods by the events that tell of it; where no event comes, by a look now and then.
What is told is only that there may be something to see: how the job stands is read in the ledger.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from executor.errors import TryAgain
from executor.jobs.job import Job

LOOK_SECONDS = 3.0  # what nobody told of is late by this at most
QUIET_SECONDS = 60.0  # events are results, whole: where nobody waits they are not listened to


class EndedJobs(Protocol):
    """The ledger, as far as ends are concerned."""

    async def end_of(self, job_id: str) -> Job | None:
        """The job of this id if it has ended, or asks people; raises TryAgain."""


class EndEvents(Protocol):
    """Who hears of ends, wherever they are."""

    def ends(self, tell: Callable[[str], None]) -> AbstractAsyncContextManager[None]:
        """Tell of each job that ends or asks people meanwhile, perhaps of another one, too; raises TryAgain."""


@dataclass
class Awaited:
    """A job that somebody waits for: however many do, one looks for all of them."""

    looking: asyncio.Task[Job]
    news: asyncio.Event
    waiting: int = 0


class Waits:
    """One for a process."""

    def __init__(self, jobs: EndedJobs, events: EndEvents) -> None:
        self._jobs = jobs
        self._events = events
        self._awaited: dict[str, Awaited] = {}
        self._somebody = asyncio.Event()
        self._is_over = False

    async def end_of(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended or asks people, None where it does neither within so many seconds.

        None as well once the service stops.
        """
        if self._is_over:
            return None
        with self._waiting(job_id) as looking:
            await asyncio.wait([looking], timeout=seconds)
            return looking.result() if looking.done() and not looking.cancelled() else None

    def tell(self, job_id: str) -> None:
        """It may have ended."""
        if awaited := self._awaited.get(job_id):
            awaited.news.set()

    async def run(self) -> None:
        """Hear and look for all who wait, for ever; afterwards nobody does."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear())
                group.create_task(self._look_now_and_then())
        finally:
            self._is_over = True
            for awaited in self._awaited.values():
                awaited.looking.cancel()

    @contextmanager
    def _waiting(self, job_id: str) -> Iterator[asyncio.Task[Job]]:
        awaited = self._awaited.get(job_id)
        if awaited is None or awaited.looking.done():  # one that asked people then may go on by now
            awaited = self._awaited[job_id] = self._begin(job_id)
        awaited.waiting += 1
        self._somebody.set()
        try:
            yield awaited.looking
        finally:
            awaited.waiting -= 1
            if not awaited.waiting:
                awaited.looking.cancel()
                if self._awaited.get(job_id) is awaited:
                    del self._awaited[job_id]

    def _begin(self, job_id: str) -> Awaited:
        news = asyncio.Event()
        return Awaited(asyncio.create_task(self._until_ended(job_id, news)), news)

    async def _until_ended(self, job_id: str, news: asyncio.Event) -> Job:
        while True:
            news.clear()  # before the look: what comes during it may be too late for it
            if (job := await self._look(job_id)) is not None:
                return job
            await news.wait()

    async def _look(self, job_id: str) -> Job | None:
        try:
            return await self._jobs.end_of(job_id)
        except TryAgain:  # it is looked again, and who waits in vain is told where to look: the job is durable
            return None

    async def _hear(self) -> None:
        """Listen while somebody waits."""
        while True:
            await self._somebody.wait()
            try:
                async with self._events.ends(self.tell):
                    self._look_all()  # some may have ended before
                    await self._until_quiet()
            except TryAgain:  # the connection says so itself
                await asyncio.sleep(LOOK_SECONDS)

    async def _until_quiet(self) -> None:
        while self._awaited or self._somebody.is_set():
            self._somebody.clear()
            await asyncio.sleep(QUIET_SECONDS)

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look_all()

    def _look_all(self) -> None:
        for awaited in self._awaited.values():
            awaited.news.set()
