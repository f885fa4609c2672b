"""Retention: old jobs are forgotten by the ledger, and the checkpoints of threads that no job names any more."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from executor.worker.sweeps import BATCH, Sweep

log = structlog.get_logger()

ROUND_SECONDS = 60.0

Forget = Callable[[str], Awaitable[None]]


class ExpiringLedger(Protocol):
    """The ledger, as far as it forgets; raises TryAgain."""

    async def expire(self, keep_seconds: float, forget: Forget) -> int:
        """Forget up to a hundred jobs, and the threads that have no job any more; how many jobs."""


class Retention:
    """Forgets in small batches."""

    def __init__(self, memory: ExpiringLedger, forget: Forget, keep_seconds: float) -> None:
        self._memory = memory
        self._forget = forget
        self._keep_seconds = keep_seconds

    def sweep(self) -> Sweep:
        """Every minute."""
        return Sweep("retention", ROUND_SECONDS, self.round)

    async def round(self) -> bool:
        """Forget a batch; whether there is more."""
        count = await self._memory.expire(self._keep_seconds, self._forget)
        if count:
            log.info("forgotten", jobs=count)
        return count >= BATCH
