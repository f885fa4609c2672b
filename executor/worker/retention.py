"""Retention: old jobs are forgotten by the ledger, and the checkpoints of threads that no job names any more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from executor.errors import TryAgain

log = structlog.get_logger()

ROUND_SECONDS = 60.0
BATCH = 100

Forget = Callable[[str], Awaitable[None]]


class ExpiringLedger(Protocol):
    """The ledger, as far as it forgets; raises TryAgain."""

    async def expire(self, keep_seconds: float, forget: Forget) -> int:
        """Forget up to a hundred jobs, and the threads that have no job any more; how many jobs."""


class Retention:
    """Forgets in small batches, in every process: who comes first does it."""

    def __init__(self, memory: ExpiringLedger, forget: Forget, keep_seconds: float) -> None:
        self._memory = memory
        self._forget = forget
        self._keep_seconds = keep_seconds

    async def run(self) -> None:
        """Look every minute, for ever."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                while await self.round() == BATCH:
                    pass
            except TryAgain as error:
                log.warning("nothing forgotten", error=str(error))

    async def round(self) -> int:
        """Forget one batch; how many jobs it was."""
        count = await self._memory.expire(self._keep_seconds, self._forget)
        if count:
            log.info("forgotten", jobs=count)
        return count
