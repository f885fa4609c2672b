"""Thread order: jobs of a thread begin in the order of the stream, also where neighbours went to different workers.

A claim sees what the ledger knows. A job that was delivered before this one, to a worker that has not claimed it yet,
the ledger does not know. What is delivered to this process is kept in memory; for every other place in the stream the
ledger is asked, and then the stream itself, once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

import structlog

from executor.jobs.envelope import Invalid
from executor.jobs.events import ACCEPTED, parse
from executor.jobs.job import JobRequest
from executor.settings import ACK_WAIT
from executor.worker.ports import WaitingRoom

log = structlog.get_logger()

PAUSE_SECONDS = 0.005  # between two looks, and before the first: what is delivered here tells itself
FLOOR_SECONDS = 0.5
LOOKED_BACK = 1000  # places in the stream; more are in flight nowhere


class StoredJobs(Protocol):
    """The jobs' stream, to look back in."""

    async def acknowledged(self) -> int:
        """The place up to which all is acknowledged; raises TryAgain."""

    async def at(self, sequence: int) -> tuple[Mapping[str, str], bytes] | None:
        """The headers and body at a place, or None where there is nothing any more; raises TryAgain."""


class ThreadOrder:
    """Makes a job wait for those before it that are on their way into the ledger."""

    def __init__(self, stream: StoredJobs, room: WaitingRoom, accepted: frozenset[str] = ACCEPTED) -> None:
        self._stream = stream
        self._room = room
        self._accepted = accepted
        self._known_to = 0  # of every place up to here it is known whose it is
        self._known: set[int] = set()  # and of these beyond
        self._coming: defaultdict[str, set[int]] = defaultdict(set)  # by thread: places of jobs not in the ledger yet
        self._elsewhere: dict[int, JobRequest] = {}  # those of them that other processes have
        self._top = 0
        self._floor_asked = -FLOOR_SECONDS
        self._looking: asyncio.Task[None] | None = None
        self._changed: asyncio.Future[None] | None = None

    def pass_by(self, place: int) -> None:
        """Note a place where no job is that others could have to wait for."""
        if place > self._known_to:
            self._known.add(place)
        if len(self._known) > 2 * LOOKED_BACK:
            self._know_to(max(self._known) - LOOKED_BACK)
        self._advance()

    async def wait(self, place: int, job: JobRequest) -> None:
        """Return when it is the job's turn to be claimed, at the latest when whoever is before it counts as lost.

        Of several here it is that of one after the other, in order, without a pause: they may be claimed in one row.
        Raises TryAgain.
        """
        self.pass_by(place)
        if job.thread_id == job.job_id:
            return
        self._elsewhere.pop(place, None)
        self._coming[job.thread_id].add(place)
        try:
            async with asyncio.timeout(ACK_WAIT):
                while self._is_behind(place, job.thread_id):
                    await self._change(place, job.thread_id)
        except TimeoutError:
            log.warning("not waited for any longer: a job before it died with its worker", job=job.job_id)
        finally:
            self._forget(place, job.thread_id)
            self._tell()

    def give_back(self, place: int, job: JobRequest) -> None:
        """Note that the job did not come into the ledger after all: who comes after it waits for it again."""
        if job.thread_id != job.job_id:
            self._note_elsewhere(place, job)

    def _is_behind(self, place: int, thread_id: str) -> bool:
        return self._known_to < place - 1 or self._first(thread_id, place) < place

    def _first(self, thread_id: str, place: int) -> int:
        return min(self._coming.get(thread_id, ()), default=place)

    async def _change(self, place: int, thread_id: str) -> None:
        """Wait for news; raises TryAgain where none can be had."""
        self._changed = self._changed or asyncio.get_running_loop().create_future()
        if self._known_to >= place - 1 and self._first(thread_id, place) not in self._elsewhere:
            await asyncio.wait({self._changed})
            return
        looking = self._look(place)
        await asyncio.wait({self._changed, looking}, return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            looking.result()

    def _look(self, place: int) -> asyncio.Task[None]:
        """The look that is under way, for all who wait."""
        self._top = max(self._top, place)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_around(), name="thread order")
            self._looking.add_done_callback(lambda look: look.cancelled() or look.exception())  # a waiter's to raise
        return self._looking

    async def _look_around(self) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        if monotonic() - self._floor_asked > FLOOR_SECONDS:
            self._know_to(await self._stream.acknowledged())
            self._floor_asked = monotonic()
        top = self._top
        self._know_to(top - LOOKED_BACK)
        elsewhere = {place: job for place, job in self._elsewhere.items() if place < top}
        after = min([self._known_to, *(place - 1 for place in elsewhere)])
        missing = set(await self._room.unknown(after, top)) if after < top - 1 else set()
        await self._drop_those_in_the_ledger(elsewhere, missing)
        await self._read([place for place in range(self._known_to + 1, top) if place not in self._known], missing)

    async def _drop_those_in_the_ledger(self, elsewhere: Mapping[int, JobRequest], missing: set[int]) -> None:
        """Those that came into it by this message or by another one of the same job."""
        ids = [job.job_id for place, job in elsewhere.items() if place in missing]
        seen = await self._room.seen(ids) if ids else set()
        for place, job in elsewhere.items():
            if place not in missing or job.job_id in seen:
                self._forget(place, job.thread_id)

    async def _read(self, unknown: Sequence[int], missing: set[int]) -> None:
        """Look at places that nobody here knows; a job that the ledger lacks is on its way into it."""
        found = await asyncio.gather(*(self._job_at(place) for place in unknown if place in missing))
        coming = dict(zip((place for place in unknown if place in missing), found, strict=True))
        for place in unknown:
            job = coming.get(place)
            if job is not None and place not in self._known and place > self._known_to:
                self._note_elsewhere(place, job)
            self.pass_by(place)

    async def _job_at(self, sequence: int) -> JobRequest | None:
        found = await self._stream.at(sequence)
        if found is None:
            return None
        try:
            return parse(*found, self._accepted)
        except Invalid:
            return None

    def _know_to(self, place: int) -> None:
        """Up to this place nothing is looked for any more."""
        if place <= self._known_to:
            return
        self._known_to = place
        self._known = {known for known in self._known if known > place}
        for old in [old for old in self._elsewhere if old <= place]:
            self._forget(old, self._elsewhere[old].thread_id)
        self._advance()

    def _advance(self) -> None:
        while self._known_to + 1 in self._known:
            self._known_to += 1
            self._known.discard(self._known_to)

    def _note_elsewhere(self, place: int, job: JobRequest) -> None:
        self._elsewhere[place] = job
        self._coming[job.thread_id].add(place)

    def _forget(self, place: int, thread_id: str) -> None:
        self._elsewhere.pop(place, None)
        places = self._coming.get(thread_id, set())
        places.discard(place)
        if not places:
            self._coming.pop(thread_id, None)

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None
