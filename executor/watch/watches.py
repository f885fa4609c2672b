"""Who watches here, and the one reader of all that they watch.

However many watch, an entry is read once, and the ledger asked only of jobs of which nothing is heard.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import structlog

from executor.errors import TryAgain
from executor.jobs.entries import BEGINNING, Place
from executor.jobs.job import Job
from executor.watch.feed import Feed
from executor.watch.follower import Follower
from executor.watch.ports import EntryReader, Jobs, News
from executor.watch.watcher import Watcher

log = structlog.get_logger()

PATIENCE = 10.0
LINGER_SECONDS = 0.01  # what comes within it is told together: each reading costs more than what it brings
PAUSE_SECONDS = 1.0
BEAT_SECONDS = 15.0  # how often whoever watches is given a sign of life
LOOK_SECONDS = 30.0


class Watches:
    """The feeds of the threads that are watched, all read by one task over one connection."""

    def __init__(self, entries: EntryReader, jobs: Jobs, limit: int) -> None:
        self._entries = entries
        self._jobs = jobs
        self._limit = limit
        self._seats = 0
        self._feeds: dict[str, Feed] = {}
        self._reading: asyncio.Task[News] | None = None
        self._is_away = False

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Taken by one who watches, before anything else is asked for; raises TryAgain where there is none left."""
        if self._seats >= self._limit:
            raise TryAgain(f"{self._limit} watch here already, as many as may (EXECUTOR_WATCHERS)")
        self._seats += 1
        try:
            yield
        finally:
            self._seats -= 1

    @contextmanager
    def watcher(self, job: Job, after: Place) -> Iterator[Watcher]:
        """One who watches the job from the place on."""
        feed = self._feeds.setdefault(job.thread_id, Feed(job.thread_id, self._read_anew))
        try:
            with feed.watched(job):
                yield Watcher(feed, job.job_id, after, self._entries)
        finally:
            self._leave(feed)

    @contextmanager
    def follower(self, thread_id: str, after: Place) -> Iterator[Follower]:
        """One who follows the thread from the place on, which no client has named: others may be read to from there."""
        feed = self._feeds.setdefault(thread_id, Feed(thread_id, self._read_anew))
        try:
            with feed.followed():
                yield Follower(feed, after, self._entries)
        finally:
            self._leave(feed)

    def _leave(self, feed: Feed) -> None:
        if not feed.is_watched:
            del self._feeds[feed.thread_id]

    async def last(self, thread_id: str) -> Place:
        """Where the thread's stream ends now, as far as that can be known."""
        place = BEGINNING
        with suppress(TryAgain):
            while (found := await self._entries.page(thread_id, place)) and found[-1].place > place:
                place = found[-1].place
        return place

    async def run(self) -> None:
        """Read for all who watch, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._beat())
            group.create_task(self._look())

    async def _read(self) -> None:
        while True:
            places = {feed.thread_id: feed.last for feed in self._feeds.values() if feed.since is not None}
            try:
                news = await self._news(places)
            except TryAgain as error:
                await self._stay_away(error)
                continue
            if news is not None:
                self._come_back() if self._is_away else self._hand_out(places, news)
            await asyncio.sleep(LINGER_SECONDS)

    async def _news(self, places: Mapping[str, Place]) -> News | None:
        """What is new, or None where meanwhile a feed has begun that is to be read as well."""
        self._reading = asyncio.create_task(self._next(places))
        try:
            await asyncio.wait([self._reading])
        finally:
            self._reading.cancel()
        return None if self._reading.cancelled() else self._reading.result()

    async def _next(self, places: Mapping[str, Place]) -> News:
        if not places:
            await asyncio.Event().wait()
        return await self._entries.news(places, 0 if self._is_away else PATIENCE)

    def _read_anew(self) -> None:
        """In a moment: many may begin at once, and what there is to read has its time to come."""
        if self._reading is not None:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._reading.cancel)

    def _hand_out(self, places: Mapping[str, Place], news: News) -> None:
        """To the feeds that still stand where they were read from."""
        for thread_id, entries in news.items():
            feed = self._feeds.get(thread_id)
            if feed is not None and feed.since is not None and feed.last == places[thread_id]:
                feed.take(entries)

    async def _stay_away(self, error: TryAgain) -> None:
        if not self._is_away:
            log.warning("Dragonfly does not answer; who watches waits", error=str(error))
        self._is_away = True
        await asyncio.sleep(PAUSE_SECONDS)

    def _come_back(self) -> None:
        """Each watcher looks for itself whether the stream has lost what follows."""
        self._is_away = False
        for feed in self._feeds.values():
            feed.stop()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for feed in self._feeds.values():
                feed.wake()

    async def _look(self) -> None:
        """Ask the ledger about the silent, one after the other and once for all who watch: their end may be lost."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for feed in list(self._feeds.values()):
                for job_id in feed.silent():
                    await self._look_up(feed, job_id)

    async def _look_up(self, feed: Feed, job_id: str) -> None:
        try:
            job = await self._jobs.job(job_id)
        except TryAgain as error:
            log.warning("not known whether a silent job has ended", job=job_id, error=str(error))
            return
        if job is not None:
            feed.note(job)
