"""What a job has handed over and not sent yet, and what it must wait for."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from executor.checkpoints.insides import Place
from executor.checkpoints.unit import Row, Rows, Unit, answer, distinct
from executor.jobs import Claim

HOLD_SECONDS = 0.002  # how long a task's writes wait for the checkpoint that makes them superfluous

Commit = Callable[[Unit], asyncio.Future[None]]


@dataclass(eq=False)
class Written:
    """What a task wrote at a checkpoint; `rows` are made only where they are sent."""

    place: Place
    channels: Collection[str]
    rows: Callable[[], Sequence[Row]]
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Outgoing:
    """Sends a job's rows in order; after the first that fails nothing more, so that nothing is built upon a gap."""

    def __init__(self, claim: Claim, commit: Commit, *, keep_writes: bool) -> None:
        self._claim = claim
        self._commit = commit
        self._keep_writes = keep_writes
        self._rows = Rows()
        self._written: list[Written] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Future[None]] = set()
        self._failed: BaseException | None = None
        self._untouched: set[Place] = set()  # checkpoints of this run at which no task's writes were sent
        self._empty: set[str] = set()  # threads that had no checkpoint
        self._begun: set[tuple[str, str]] = set()  # what has some since

    def note_empty(self, thread: str) -> None:
        """Remember that there was no checkpoint before this run's own: nobody else writes to the thread meanwhile."""
        self._empty.add(thread)

    def is_blank(self, thread: str, namespace: str) -> bool:
        """Whether there can be no checkpoint."""
        return thread in self._empty and (thread, namespace) not in self._begun

    def hold(self, place: Place, rows: Rows) -> None:
        """Keep a checkpoint for the next unit: it rides with the first step's."""
        self._raise_failed()
        self._begin(place)
        self._rows += rows
        self._arm()

    async def write(self, written: Written) -> None:
        """Return once what a task wrote is committed, or superfluous."""
        self._raise_failed()
        self._written.append(written)
        self._arm()
        await written.done

    async def put(self, place: Place, parent: Place, rows: Rows, carries: Callable[[Collection[str]], bool]) -> None:
        """Commit a checkpoint with all that is held, but for the writes that it makes superfluous."""
        await self._settled()
        self._drop(parent, carries)
        self._untouched.discard(parent)
        self._begin(place)
        sent = self._send(rows)
        try:
            await asyncio.shield(sent)
        finally:  # also when cancelled: a run ends after its last commit, not beside it
            await asyncio.wait([sent])

    async def flush(self) -> None:
        """Commit all that is held, so that a reader sees it."""
        self._expire()
        await self._settled()

    def _begin(self, place: Place) -> None:
        self._untouched.add(place)
        self._begun.add(place[:2])

    async def _settled(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending)
        self._raise_failed()

    def _drop(self, parent: Place, carries: Callable[[Collection[str]], bool]) -> None:
        """Drop a step's writes: all of them or, where one was sent or is not in the checkpoint, none."""
        step = [written for written in self._written if written.place == parent]
        if self._keep_writes or parent not in self._untouched or not all(carries(w.channels) for w in step):
            return
        self._written = [written for written in self._written if written.place != parent]
        for written in step:
            answer(written.done)

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._expire)

    def _expire(self) -> None:
        """No checkpoint followed: a parallel branch still runs, or the run stopped. Send what is held."""
        if self._rows.checkpoints or self._written:
            self._send(Rows())

    def _send(self, rows: Rows) -> asyncio.Future[None]:
        if self._timer is not None:
            self._timer.cancel()
        held, written = self._rows, self._written
        self._rows, self._written, self._timer = Rows(), [], None
        self._untouched -= {each.place for each in written}
        unit = Unit(self._claim, held + rows + Rows(writes=distinct(_encoded(written))))
        sent = self._commit(unit)
        self._sending.add(sent)
        sent.add_done_callback(partial(self._sent, written))
        return sent

    def _sent(self, written: Iterable[Written], sent: asyncio.Future[None]) -> None:
        self._sending.discard(sent)
        error = sent.exception()
        self._failed = self._failed or error
        for each in written:
            answer(each.done, error)

    def _raise_failed(self) -> None:
        if self._failed is not None:
            raise self._failed


def _encoded(written: Iterable[Written]) -> list[Row]:
    """The rows of all; what cannot be encoded fails its own task's saver."""
    rows: list[Row] = []
    for each in written:
        try:
            rows += each.rows()
        except Exception as error:  # noqa: BLE001 - a node may write anything
            answer(each.done, error)
    return rows
