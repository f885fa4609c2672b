"""Left behind: what somebody promised and could not do any more, and whoever waits and is to be woken."""

from collections.abc import Sequence
from typing import Protocol

from executor.jobs.claims import Wake
from executor.jobs.job import Message
from executor.worker.outbox import Outbox
from executor.worker.sweeps import BATCH, Sweep

SWEEP_SECONDS = 2.0
FORGOTTEN_SECONDS = 10.0


class WakingLedger(Protocol):
    """The ledger, as far as it knows of them; every method raises TryAgain."""

    async def wakes(self) -> Sequence[Wake]:
        """Whose time has come."""

    async def forgotten(self) -> Sequence[Wake]:
        """Who waits for a free thread though nothing tells of it, on some threads after those of the last call."""

    async def overdue(self) -> Sequence[Message]:
        """Messages that were promised a while ago and are not marked."""


class LeftBehind:
    """Two sweeps: what the ledger tells of, and now and then whatever it does not."""

    def __init__(self, ledger: WakingLedger, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox

    def sweeps(self) -> list[Sweep]:
        """Both."""
        return [
            Sweep("left behind", SWEEP_SECONDS, self.pick_up),
            Sweep("forgotten", FORGOTTEN_SECONDS, self.look_for_forgotten),
        ]

    async def pick_up(self) -> bool:
        """Wake whose time has come, and publish what is promised; whether there is more."""
        # In this order: that a thread became free is told by messages which are not marked yet.
        wakes = await self._ledger.wakes()
        await self._outbox.ask_for(wakes)
        overdue = await self._ledger.overdue()
        await self._outbox.publish(overdue)
        return max(len(wakes), len(overdue)) >= BATCH

    async def look_for_forgotten(self) -> bool:
        """Wake those on the next threads; it is never in a hurry."""
        await self._outbox.ask_for(await self._ledger.forgotten())
        return False
