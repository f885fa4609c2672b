"""Room for outcomes on their way out: however many large ones there are, few are in flight at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SMALL = 256 << 10  # bytes
IN_FLIGHT = 16 << 20  # bytes; each has some copies: of Python's, of the database's client, of the broker's


class Room:
    """So many bytes of large outcomes at a time, first come first served; one that is larger than all goes alone."""

    def __init__(self, total: int = IN_FLIGHT, small: int = SMALL) -> None:
        self._total = total
        self._small = small
        self._taken = 0
        self._turn = asyncio.Lock()
        self._given_back = asyncio.Event()

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for so many bytes; what is small needs none."""
        wanted = 0 if size < self._small else min(size, self._total)
        if wanted:
            async with self._turn:
                await self._until_free(wanted)
                self._taken += wanted
        try:
            yield
        finally:
            self._taken -= wanted
            self._given_back.set()

    async def _until_free(self, wanted: int) -> None:
        while self._taken + wanted > self._total:
            self._given_back.clear()
            await self._given_back.wait()
