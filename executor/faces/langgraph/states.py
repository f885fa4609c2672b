"""What threads hold, read when somebody asks: nothing is kept of it but the values of the last checkpoints."""

import asyncio
from collections import OrderedDict
from typing import Any, Protocol

from executor.jobs.agents import Resolved
from executor.jobs.states import FIRST_SLICE, Slice, Spot, ThreadState
from executor.jobs.threads import Thread

KEPT_CHECKPOINTS = 16

Reading = asyncio.Task[ThreadState | None]


class Threads(Protocol):
    """Who knows which threads there are; raises TryAgain."""

    async def get(self, thread_id: str) -> Thread | None:
        """The thread of this id."""


class Ran(Protocol):
    """Who knows what threads run; raises TryAgain."""

    async def ran(self, thread_id: str) -> Resolved:
        """What the thread's latest job runs."""


class Checkpoints(Protocol):
    """Where states are read; every method raises TryAgain."""

    async def state(self, spot: Spot, ran: Resolved, *, subgraphs: bool = False) -> ThreadState | None:
        """The state at the spot; None where there is no such checkpoint."""

    async def history(self, spot: Spot, ran: Resolved, part: Slice = FIRST_SLICE) -> list[ThreadState]:
        """The states of the thread in the spot's namespace, the newest first."""


class States:
    """Every method raises TryAgain where the database fails; an unknown thread has no state and no history."""

    def __init__(self, threads: Threads, definitions: Ran, checkpoints: Checkpoints) -> None:
        self._threads = threads
        self._definitions = definitions
        self._checkpoints = checkpoints
        self._values: OrderedDict[Spot, Reading] = OrderedDict()

    async def current(self, thread_id: str, ns: str = "", *, subgraphs: bool = False) -> ThreadState | None:
        """The state where the thread stands, an empty one before its first checkpoint; None where it is unknown."""
        if "\0" in thread_id or await self._threads.get(thread_id) is None:
            return None
        return await self._read(Spot(thread_id, ns), subgraphs=subgraphs) or ThreadState(Spot(thread_id, ns))

    async def at(
        self, thread_id: str, checkpoint_id: str, ns: str = "", *, subgraphs: bool = False
    ) -> ThreadState | None:
        """The state at one of the thread's checkpoints; None where there is no such one."""
        return await self._read(Spot(thread_id, ns, checkpoint_id), subgraphs=subgraphs)

    async def history(self, thread_id: str, part: Slice = FIRST_SLICE, ns: str = "") -> list[ThreadState]:
        """The states of the thread, the newest first."""
        if "\0" in thread_id:
            return []
        return await self._checkpoints.history(Spot(thread_id, ns), await self._definitions.ran(thread_id), part)

    async def values(self, thread_id: str, checkpoint_id: str, ns: str = "") -> Any:
        """The values at a checkpoint, which do not change, read once for all who watch; None where there is none."""
        spot = Spot(thread_id, ns, checkpoint_id)
        reading = self._values.get(spot) or self._begin(spot)
        state = await asyncio.shield(reading)
        return None if state is None else state.values

    def _begin(self, spot: Spot) -> Reading:
        """One reading for all who ask: it goes on when one of them goes away."""
        reading = self._values[spot] = asyncio.create_task(self._read(spot))
        reading.add_done_callback(lambda read: self._drop_failed(spot, read))
        while len(self._values) > KEPT_CHECKPOINTS:
            self._values.popitem(last=False)
        return reading

    def _drop_failed(self, spot: Spot, read: Reading) -> None:
        """What failed or was not there yet is looked for again."""
        if read.cancelled() or read.exception() is not None or read.result() is None:
            self._values.pop(spot, None)

    async def _read(self, spot: Spot, *, subgraphs: bool = False) -> ThreadState | None:
        if any("\0" in part for part in spot if part):
            return None  # PostgreSQL holds no NUL character
        return await self._checkpoints.state(spot, await self._definitions.ran(spot.thread_id), subgraphs=subgraphs)
