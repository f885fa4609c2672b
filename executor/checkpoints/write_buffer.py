"""What a job has handed over and not sent yet, and what it must wait for."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from executor.checkpoints.langgraph_internals import Place
from executor.checkpoints.unit import Row, Rows, Unit, answer, distinct
from executor.jobs.claims import Claim

# Turns of the event loop for which a task's writes wait for the checkpoint that makes them superfluous. It comes after
# one (that of an input is followed after three), which takes microseconds or, where many jobs are at work, long.
HOLD_TURNS = 8

Commit = Callable[[Unit], asyncio.Future[None]]
Carries = Callable[[Collection[str]], bool]


@dataclass(eq=False, slots=True)
class Written:
    """What a task wrote at a checkpoint; `rows` are made only where they are sent."""

    place: Place
    channels: Collection[str]
    rows: Callable[[], Sequence[Row]]
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class WriteBuffer:
    """Sends a job's rows in order; after the first that fails nothing more, so that nothing is built upon a gap."""

    def __init__(self, claim: Claim, commit: Commit, *, keep_writes: bool) -> None:
        self._claim = claim
        self._commit = commit
        self._keep_writes = keep_writes
        self._rows = Rows()
        self._written: list[Written] = []
        self._holding: asyncio.Handle | None = None
        self._sent: list[asyncio.Future[None]] = []  # without answer, or failed
        self._untouched: set[Place] = set()  # checkpoints of this run at which no task's writes were sent
        self.begun: set[tuple[str, str]] = set()  # threads and namespaces that have a checkpoint of this run

    async def hold(self, place: Place, rows: Rows) -> None:
        """Keep a checkpoint for the next unit: it rides with the one that follows."""
        await self._settled()
        self._begin(place)
        self._rows = self._rows.joined(rows)
        self._arm()

    async def write(self, written: Written) -> None:
        """Return once what a task wrote is committed, or superfluous."""
        self._written.append(written)
        self._arm()
        await written.done

    async def put(self, place: Place, parent: Place, rows: Rows, carries: Carries) -> None:
        """Commit a checkpoint with all that is held, but for the writes that it makes superfluous."""
        await self._settled()
        self._drop(parent, carries)
        self._untouched.discard(parent)
        self._begin(place)
        sent = self._send(rows)
        try:
            await asyncio.shield(sent)
        except asyncio.CancelledError:  # a run ends after its last commit, not beside it; unless it is cancelled again
            await asyncio.wait([sent])
            raise

    async def flush(self) -> None:
        """Commit all that is held, so that a reader sees it."""
        self._expire()
        await self._settled()

    async def _settled(self) -> None:
        """Wait for what was sent; raises what ever failed."""
        while waiting := [sent for sent in self._sent if not sent.done()]:
            await asyncio.wait(waiting)
        for sent in self._sent:
            sent.result()
        self._sent = []

    def _begin(self, place: Place) -> None:
        self._untouched.add(place)
        self.begun.add(place[:2])

    def _drop(self, parent: Place, carries: Carries) -> None:
        """Drop a step's writes: all of them or, where one was sent or is not in the checkpoint, none."""
        if self._keep_writes or parent not in self._untouched:
            return
        step = [written for written in self._written if written.place == parent]
        if step and carries({channel for written in step for channel in written.channels}):
            self._written = [written for written in self._written if written.place != parent]
            for written in step:
                answer(written.done)

    def _arm(self) -> None:
        if self._holding is None:
            self._hold(HOLD_TURNS)

    def _hold(self, turns: int) -> None:
        if turns:
            self._holding = asyncio.get_running_loop().call_soon(self._hold, turns - 1)
        else:
            self._expire()

    def _expire(self) -> None:
        """No checkpoint followed: a parallel branch still runs, or the run stopped. Send what is held."""
        if self._rows.checkpoints or self._written:
            self._send(Rows())

    def _send(self, rows: Rows) -> asyncio.Future[None]:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        if self._rows.checkpoints:
            rows, self._rows = self._rows.joined(rows), Rows()
        written, self._written = self._written, []
        if written:
            self._untouched -= {each.place for each in written}
            rows = rows.joined(Rows(writes=distinct(_encoded(written))))
        sent = self._commit(Unit(self._claim, rows))
        sent.add_done_callback(partial(_answer, written))
        self._sent.append(sent)
        return sent


def _answer(written: Iterable[Written], sent: asyncio.Future[None]) -> None:
    error = sent.exception()
    for each in written:
        answer(each.done, error)


def _encoded(written: Iterable[Written]) -> list[Row]:
    """The rows of all; what cannot be encoded fails its own task's saver."""
    rows: list[Row] = []
    for each in written:
        try:
            rows += each.rows()
        except Exception as error:  # noqa: BLE001 - a node may write anything
            answer(each.done, error)
    return rows
