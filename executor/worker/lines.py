"""Lines: the jobs of one thread that reach this process are claimed one after the other, in their order.

Where the first of a line begins, or must wait itself, all others must wait: they are parked in one statement, so that
ten thousand jobs of a thread are as many rows, and not as many claims.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from executor.errors import TryAgain
from executor.jobs.claims import Applicant, Blocked, Busy, Claim, NotClaimed, Parked
from executor.worker.ports import Ledger, WaitingRoom

Answer = Claim | NotClaimed | Parked
FREE_NOW = Busy(0.0)  # whoever was in the way ended at this moment


@dataclass(eq=False)
class Place:
    """A place in a line; who `may_wait` is parked where the thread is busy."""

    who: Applicant
    may_wait: bool
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_parked_unasked(self) -> bool:
        """Whether it need not even try behind another; one that has a time may not be due."""
        return self.may_wait and self.who.not_before is None

    def tell(self, answer: Answer) -> None:
        """Answer, unless who asked is gone."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Raise at whoever asked, unless he is gone."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Lines:
    """A line for each thread on which somebody wants a claim."""

    def __init__(self, ledger: Ledger, room: WaitingRoom) -> None:
        self._ledger = ledger
        self._room = room
        self._behind: dict[str, list[Place]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def claim(self, who: Applicant, *, may_wait: bool) -> Answer:
        """The claim, or why not; raises TryAgain. Whoever came before on the thread has his answer first."""
        thread, place = who.job.thread_id, Place(who, may_wait)
        if thread in self._behind:
            self._behind[thread].append(place)
            return await place.answer
        self._behind[thread] = []
        answer: Answer | None = None
        try:
            answer = await self._claim(place)
        finally:
            self._let_on(thread, answer)
        return answer

    async def _claim(self, place: Place) -> Answer:
        who = place.who
        while True:
            claimed = await self._ledger.claim(who.job, who.not_before, who.origin.replay, who.resolved)
            if claimed == FREE_NOW:
                continue
            if not (place.may_wait and isinstance(claimed, Blocked)):
                return claimed
            if who.job.job_id in await self._room.park([who]):
                return Parked()

    def _let_on(self, thread: str, answer: Answer | None) -> None:
        if not self._behind[thread]:
            del self._behind[thread]
            return
        serving = asyncio.create_task(self._serve(thread, answer), name=f"line of {thread}")
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, thread: str, answer: Answer | None) -> None:
        """Answer the whole line, and all who join it meanwhile; the one before it was answered so."""
        line = self._behind[thread]
        while line:
            if isinstance(answer, Claim | Parked):
                await self._park(line)
                answer = None
            else:
                answer = await self._ask(line)
        del self._behind[thread]

    async def _ask(self, line: list[Place]) -> Answer | None:
        """Claim for the first; what the database cannot do for it now, it shall not do for those behind it either."""
        first = line.pop(0)
        if first.answer.done():  # whoever asked is gone
            return None
        try:
            answer = await self._claim(first)
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            _fail([first, *(line if isinstance(error, TryAgain) else ())], line, error)
            return None
        first.tell(answer)
        return answer

    async def _park(self, line: list[Place]) -> None:
        """Park all who need not try. Who is left must."""
        waiting: dict[str, Place] = {}
        for place in line:
            if place.is_parked_unasked:
                waiting.setdefault(place.who.job.job_id, place)
        if not waiting:
            return None
        try:
            parked = await self._room.park([place.who for place in waiting.values()])
        except Exception as error:  # noqa: BLE001 - whoever asked raises it
            return _fail(waiting.values(), line, error)
        for job_id in parked:
            line.remove(waiting[job_id])
            waiting[job_id].tell(Parked())
        return None


def _fail(places: Iterable[Place], line: list[Place], error: Exception) -> None:
    for place in list(places):
        place.fail(error)
        if place in line:
            line.remove(place)
