"""What must be written is written, however long the database is away: a run that ended is not thrown away for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from executor.errors import TryAgain

log = structlog.get_logger()

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

Written = TypeVar("Written")


async def insist(write: Callable[[], Awaitable[Written]], what: str) -> Written:
    """Write, again and again while that raises TryAgain; the lease of the job is renewed meanwhile."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await write()
        except TryAgain as error:
            log.warning("not written yet", what=what, error=str(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
