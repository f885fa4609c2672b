"""One who watches a thread is told of it: for as long as they want, across its runs, also while there is none."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from executor.errors import TryAgain
from executor.faces.langgraph.protocol.beginning import Beginning
from executor.faces.langgraph.protocol.events import ROOT, Event, id_of, told
from executor.faces.langgraph.protocol.missed import Known, missed
from executor.faces.langgraph.protocol.subscription import Subscription
from executor.faces.langgraph.protocol.translation import Translation
from executor.faces.langgraph.states import States
from executor.jobs.entries import BEGINNING, Place, StreamEntry
from executor.jobs.job import Job, JobFilter
from executor.jobs.states import ThreadState
from executor.values import dumps

log = structlog.get_logger()

AT_ONCE = b": here\n\n"  # clients wait for the first bytes before they go on
HEARTBEAT = b": beat\n\n"
BEAT_SECONDS = 5.0
LOOK_BEATS = 6  # of silence before the ledger is asked again
LOOKS, LOOK_SECONDS = 40, 0.05
LATEST = 50  # jobs
FINAL = frozenset({"completed", "failed"})
KNOWN_THREADS = 1024
ANSWERED = frozenset({"start", "attempt", "end"})  # what says that no question is open
MADE = "m"  # at the end of the id of an event that no entry has made

Placed = tuple[Event, Place, str]  # an event, the place of its entry, and its id


class Followed(Protocol):
    """One who follows a thread's stream."""

    place: Place

    async def page(self) -> list[StreamEntry]:
        """What comes next."""


class Register(Protocol):
    """The ledger; every method raises TryAgain."""

    async def job(self, job_id: str) -> Job | None:
        """The job of this id."""

    async def jobs(self, limit: int, only: JobFilter) -> list[Job]:
        """The newest first."""


class Heard:
    """Of which run of a thread the end was last told here."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, str] = OrderedDict()

    def last(self, thread_id: str) -> str | None:
        """The job."""
        return self._last.get(thread_id)

    def note(self, thread_id: str, job_id: str) -> None:
        """It was told."""
        self._last[thread_id] = job_id
        self._last.move_to_end(thread_id)
        while len(self._last) > KNOWN_THREADS:
            self._last.popitem(last=False)


class Telling:
    """What one subscription to a thread is told, as server-sent events."""

    def __init__(  # noqa: PLR0913 - each is one of its needs
        self,
        thread_id: str,
        wanted: Subscription,
        begin: Beginning,
        *,
        register: Register,
        states: States,
        heard: Heard,
    ) -> None:
        self._thread_id = thread_id
        self._wanted = wanted
        self._begin = begin
        self._register = register
        self._states = states
        self._heard = heard
        self._translation = Translation()
        self._over = set(begin.over)
        self._ended = set(begin.ended)
        self._read: dict[tuple[str, ...], str] = {}  # the checkpoint of a namespace whose values were told last
        self._is_back = begin.since == BEGINNING  # it has come to where it left off
        self._held: list[Placed] | None = []  # questions that may be answered in what is to be read yet
        self._silent = 0

    async def chunks(self, follower: Followed) -> AsyncGenerator[bytes, None]:
        """For ever: a comment at once, where the thread stands, and then what it does."""
        yield AT_ONCE
        if self._is_back:
            yield await self._snapshot(self._begin.place)
        while True:
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    page = await follower.page()
            except TimeoutError:
                yield HEARTBEAT + await self._after_silence(follower.place)
            else:
                if chunk := await self._told(page) if page else await self._after_silence(follower.place):
                    yield chunk

    async def _told(self, page: Sequence[StreamEntry]) -> bytes:
        """All that a page says to this subscription."""
        self._silent = 0
        lost = [entry.place for entry in page if self._is_gap(entry)]
        chunks = [await self._snapshot(lost[0])] if lost else []
        return b"".join([*chunks, *[chunk async for chunk in self._chunks(self._events(page))]])

    def _is_gap(self, entry: StreamEntry) -> bool:
        """Whether something before the entry is lost; also what somebody who comes again had seen last."""
        was_back, self._is_back = self._is_back, self._is_back or entry.place >= self._begin.since
        return entry.type == "gap" or (not was_back and entry.place > self._begin.since)

    async def _chunks(self, placed: Iterable[Placed], mark: str = "") -> AsyncIterator[bytes]:
        events = [*placed]
        last = {event.namespace: index for index, (event, _, _) in enumerate(events) if event.method == "values"}
        for index, (event, place, event_id) in enumerate(events):
            if event.method == "values" and last[event.namespace] != index:
                continue  # it would be overwritten at once
            if (whole := await self._whole(event)) is not None:
                yield _server_sent(whole, place, event_id + mark)

    def _events(self, page: Sequence[StreamEntry]) -> Iterator[Placed]:
        """The events that are wanted, each with its entry's place and its own id."""
        for entry in page:
            if entry.job in self._over:
                continue
            if entry.type == "end":
                self._over.add(entry.job)
                self._ended.add(entry.job)
            yield from self._wanted_of(entry)

    def _wanted_of(self, entry: StreamEntry) -> Iterator[Placed]:
        if self._held and entry.type in ANSWERED:
            self._held.clear()
        for index, event in enumerate(self._translation.events(entry)):
            if entry.place >= self._begin.since and self._wanted.wants(event):
                placed = event, entry.place, id_of(event, entry.place, index)
                if self._held is not None and entry.type == "interrupt" and event.method != "values":
                    self._held.append(placed)
                else:
                    yield placed

    def _open_questions(self) -> list[Placed]:
        """Those that were held back, now that all is read that there was."""
        held, self._held = self._held or [], None
        return held

    async def _whole(self, event: Event) -> Event | None:
        """The event with what it is told by reference; None where there is nothing to tell."""
        if event.method == "values":
            return await self._with_values(event)
        if event.method == "input.requested":
            return event if await self._is_open(event) else None
        if event.method == "lifecycle" and event.namespace == ROOT and event.data["event"] in FINAL:
            if self._wanted.is_watch:
                self._heard.note(self._thread_id, event.run or "")
            return await self._with_error(event) if event.data["event"] == "failed" else event
        return event

    async def _with_values(self, event: Event) -> Event | None:
        about, last = event.checkpoint or {}, self._read.get(event.namespace, "")
        if about["id"] == last or (self._held is not None and about["id"] < last):
            return None  # what is read again may be older than the snapshot: the ids are ordered by time
        try:
            values = await self._states.values(self._thread_id, about["id"], "|".join(event.namespace))
        except TryAgain as error:
            log.warning("values are not told", thread=self._thread_id, error=str(error))
            return None
        if values is None:
            return None
        self._read[event.namespace] = about["id"]
        return replace(event, data=values)

    async def _is_open(self, event: Event) -> bool:
        """Whether a question can be answered now: one of several is asked again by a run that goes on with the others.

        The ledger knows of it a moment after the stream.
        """
        for _ in range(LOOKS):
            try:
                job = await self._register.job(event.run or "")
            except TryAgain:
                return True
            if job is None or job.status != "running":
                asked = (job and job.result and job.result.get("interrupts")) or ()
                return event.data["interrupt_id"] in {each["id"] for each in asked}
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _with_error(self, event: Event) -> Event:
        try:
            job = await self._register.job(event.run or "")
        except TryAgain:
            return event
        error = (job and job.error) or {}
        return replace(event, data=event.data | ({"error": error["message"]} if "message" in error else {}))

    async def _snapshot(self, place: Place) -> bytes:
        """What the thread holds now, for those who want values and have not had them."""
        if not self._wanted.wants(Event("values", ROOT, None)):
            return b""
        try:
            state = await self._states.current(self._thread_id)
        except TryAgain as error:
            log.warning("no snapshot is told", thread=self._thread_id, error=str(error))
            return b""
        if state is None or (state.spot.checkpoint_id or "") <= self._read.get(ROOT, ""):
            return b""
        self._read[ROOT] = checkpoint_id = str(state.spot.checkpoint_id)
        return _server_sent(_values_of(state), place, f"{place}.{checkpoint_id}")

    async def _after_silence(self, place: Place) -> bytes:
        """What is asked still, once all is read, and what the stream has not said."""
        open_questions = b"".join([chunk async for chunk in self._chunks(self._open_questions())])
        return open_questions + await self._what_the_ledger_knows(place)

    async def _what_the_ledger_knows(self, place: Place) -> bytes:
        """It is asked at first, and now and then."""
        self._silent += 1
        if self._silent % LOOK_BEATS != 1:
            return b""
        try:
            jobs = await self._register.jobs(LATEST, JobFilter(thread_id=self._thread_id))
        except TryAgain:
            return b""
        known = Known(self._ended, self._translation.asked)
        page = [*missed(jobs, known, place, datetime.now(UTC))]
        return b"".join([chunk async for chunk in self._chunks(self._events(page), MADE)])


def _values_of(state: ThreadState) -> Event:
    about: dict[str, Any] = {"id": state.spot.checkpoint_id}
    if state.parent is not None:
        about["parent_id"] = state.parent.checkpoint_id
    about |= {name: state.metadata[name] for name in ("step", "source") if name in state.metadata}
    return Event("values", ROOT, state.values, checkpoint=about)


def _server_sent(event: Event, place: Place, event_id: str) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        event.method.encode(),
        event_id.encode(),
        dumps(told(event, place, event_id)),
    )
