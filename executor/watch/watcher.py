"""One who watches a job, and where in its thread's stream they stand."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from executor.errors import TryAgain
from executor.jobs.entries import BEGINNING, Entry, Place, StreamEntry, Type
from executor.jobs.job import TERMINAL, Job
from executor.watch.feed import Feed
from executor.watch.ports import EntryReader

LAST_WORDS = 1.0  # how long the entries of a job that has ended may still be on their way


class Watcher:
    """Follows a job of the feed's thread from a place on: by the stream as far as that is ahead, then by the feed."""

    def __init__(self, feed: Feed, job_id: str, place: Place, entries: EntryReader) -> None:
        self._feed = feed
        self._job_id = job_id
        self._entries = entries
        self._place = place
        self._seen = BEGINNING  # the last place that an entry was seen at: anybody may claim to have been anywhere
        self._deadline: float | None = None

    async def pages(self) -> AsyncIterator[list[StreamEntry]]:
        """What the job does, up to its `end`, each entry once; now and then an empty page, while nothing happens."""
        is_over = False
        while not is_over:
            held = self._held()
            page = await self._stored() if held is None else held or await self._awaited()
            own = [entry for entry in page if entry.job == self._job_id]
            end = next((index for index, entry in enumerate(own) if entry.type == "end"), None)
            is_over = end is not None
            yield own if end is None else own[: end + 1]

    def _held(self) -> list[StreamEntry] | None:
        """What the feed has of what follows; None where it has not all of it."""
        page = self._feed.after(self._place)
        self._go_on(page or [])
        return page

    async def _stored(self) -> list[StreamEntry]:
        """The next page of the stream; where that ends, the feed goes on, also where it cannot be read."""
        place, held_then = self._place, self._feed.since or BEGINNING
        try:
            found = await self._entries.page(self._feed.thread_id, place)
        except TryAgain:
            self._feed.begin(self._seen)
            return await self._awaited()
        lost = [] if place in {BEGINNING, *(entry.place for entry in found[:1])} else [self._gap()]
        self._go_on(found)
        page = [entry for entry in found if entry.place > place]
        if not page:  # so what the feed had before it was read is behind
            self._place = max(place, held_then)
            self._feed.begin(self._seen)
        return [*lost, *page]

    def _go_on(self, page: Sequence[StreamEntry]) -> None:
        if page:
            self._place = self._seen = page[-1].place

    async def _awaited(self) -> list[StreamEntry]:
        """What is new, if anything. Of a job that has ended and whose stream does not say so, its end, in a moment."""
        try:
            async with asyncio.timeout_at(self._patience()):
                await self._feed.news()
        except TimeoutError:
            return self._held() or [self._gap(), self._made("end", {"status": self._job.status})]
        return self._held() or []

    def _patience(self) -> float | None:
        """When to wait no longer for the last words of a job that has ended."""
        if self._job.status not in TERMINAL:
            self._deadline = None
        elif self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + LAST_WORDS
        return self._deadline

    @property
    def _job(self) -> Job:
        return self._feed.jobs[self._job_id]

    def _gap(self) -> StreamEntry:
        return self._made("gap", {"after": str(self._place)})

    def _made(self, word: Type, data: dict[str, str]) -> StreamEntry:
        """An entry that the stream does not hold, in the shape of those that it does."""
        job = self._job
        return StreamEntry(self._place, Entry(job.thread_id, job.job_id, job.attempts, word, "", data).fields())
