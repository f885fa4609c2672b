"""Sweeps: what is to be done now and then, for all, by whichever process comes first.

Each has a lease in the ledger, for the time until the next. Nobody is the leader: whoever looks when it has run out
takes it, so that one who dies is missed for one sweep.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import structlog

from executor.errors import LeaseLost, TryAgain

log = structlog.get_logger()

BATCH = 100  # what a sweep does at once
LEASED = 0.9  # of the pause: whoever swept comes again just after its lease has run out


class SweepLeases(Protocol):
    """Whose turn it is."""

    async def take(self, name: str, seconds: float) -> bool:
        """Whether the sweep is the caller's for so many seconds; raises TryAgain."""


@dataclass(frozen=True)
class Sweep:
    """What is to be done every so many seconds; `act` does a batch and says whether there is more."""

    name: str
    seconds: float
    act: Callable[[], Awaitable[bool]]


async def keep_sweeping(sweep: Sweep, leases: SweepLeases) -> None:
    """Take turns with the other processes, for ever."""
    while True:
        pause = await take_turn(sweep, leases)
        await asyncio.sleep(pause)


async def take_turn(sweep: Sweep, leases: SweepLeases) -> float:
    """Sweep unless another process does; in how many seconds to come again. Who failed leaves a turn to the others."""
    try:
        if await leases.take(sweep.name, sweep.seconds * LEASED) and await _is_unfinished(sweep):
            return 0.0
    except (TryAgain, LeaseLost) as error:
        log.warning("not swept", sweep=sweep.name, error=str(error))
        return 2 * sweep.seconds
    return sweep.seconds


async def _is_unfinished(sweep: Sweep) -> bool:
    """Do one batch after the other while the lease lasts; whether there is more even then."""
    until = monotonic() + sweep.seconds * LEASED
    while await sweep.act():
        if monotonic() >= until:
            return True
    return False
