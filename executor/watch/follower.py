"""One who follows a thread, whatever jobs it has, and where in its stream they stand."""

from collections.abc import Sequence

from executor.errors import TryAgain
from executor.jobs.entries import BEGINNING, Entry, Place, StreamEntry
from executor.watch.feed import Feed
from executor.watch.ports import EntryReader


class Follower:
    """Goes on from a place: by the stream as far as that is ahead, then by the feed.

    The place need not be an entry's, but what comes next is to be found after it.
    """

    def __init__(self, feed: Feed, place: Place, entries: EntryReader) -> None:
        self._feed = feed
        self._entries = entries
        self.place = place
        self._is_entry = False
        self._has_caught_up = False

    async def page(self) -> list[StreamEntry]:
        """What comes next, each entry once, a `gap` before it where some are lost.

        It is empty once there is no more for now, and now and then. To give up waiting loses nothing.
        """
        held = self._held()
        if held is None:
            return await self._stored()
        if held or not self._has_caught_up:
            self._has_caught_up = not held
            return held
        return await self._awaited()

    def _held(self) -> list[StreamEntry] | None:
        """What the feed has of what follows; None where it has not all of it."""
        page = self._feed.after(self.place)
        self._go_on(page or [])
        return page

    async def _stored(self) -> list[StreamEntry]:
        """The next page of the stream; where that ends, the feed goes on, also where it cannot be read."""
        place, held_then = self.place, self._feed.since or BEGINNING
        try:
            found = await self._entries.page(self._feed.thread_id, place)
        except TryAgain:
            self._feed.begin(place)
            return await self._awaited()
        is_lost = self._is_entry and place not in {entry.place for entry in found[:1]}
        lost = [self._gap(place)] if is_lost else []
        self._go_on(found)
        page = [entry for entry in found if entry.place > place]
        if not page:  # so what the feed had before it was read is behind
            self.place = max(place, held_then)
            self._feed.begin(self.place)
        return [*lost, *page]

    async def _awaited(self) -> list[StreamEntry]:
        await self._feed.news()
        return self._held() or []

    def _go_on(self, page: Sequence[StreamEntry]) -> None:
        if page:
            self.place, self._is_entry = page[-1].place, True

    def _gap(self, place: Place) -> StreamEntry:
        return StreamEntry(place, Entry(self._feed.thread_id, "", 0, "gap", "", {"after": str(place)}).fields())
