"""What is old is forgotten: jobs by the ledger, and the checkpoints of threads that no job names any more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from executor.errors import TryAgain

log = structlog.get_logger()

ROUND_SECONDS = 60.0
BATCH = 100


class Memory(Protocol):
    """The ledger, as far as it forgets; raises TryAgain."""

    async def expire(self, keep_seconds: float) -> tuple[int, Sequence[str]]:
        """Forget up to a hundred jobs; how many, and the threads that have no job any more."""


class Housekeeping:
    """Forgets in small batches, in every process: who comes first does it."""

    def __init__(self, memory: Memory, forget: Callable[[str], Awaitable[None]], keep_seconds: float) -> None:
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
        count, threads = await self._memory.expire(self._keep_seconds)
        for thread_id in threads:
            await self._forget(thread_id)
        if count:
            log.info("forgotten", jobs=count, threads=len(threads))
        return count
