"""The keys of one issuer, kept as long as they are fresh, and a while longer where their source is away."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from executor.access.keys import Key, Keys
from executor.errors import TryAgain

log = structlog.get_logger()

KEPT_SECONDS = 3600.0  # how long keys are good for after they were last read
FIRST_PAUSE = 1.0  # between two looks while there are none


class Source(Protocol):
    """Where keys lie: they stay fresh for so many seconds, and are not read again within `pause_seconds`."""

    @property
    def place(self) -> str: ...  # noqa: D102
    @property
    def fresh_seconds(self) -> float: ...  # noqa: D102
    @property
    def pause_seconds(self) -> float: ...  # noqa: D102

    async def read(self) -> bytes:
        """What is there now; raises TryAgain."""


class KeyRing:
    """However many ask at once, the source is read once."""

    def __init__(self, source: Source, clock: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock
        self._keys: Keys | None = None
        self._document = b""
        self._read_at = self._tried_at = float("-inf")
        self._fault: TryAgain | None = None
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> Key | None:
        """The key of this id; raises TryAgain where it is not known whether there is one."""
        if self._age() >= self._source.fresh_seconds:
            await self._read_soon()
        key = self._known().find(key_id)
        if key is None and await self._read_soon():
            key = self._known().find(key_id)
        if key is None and self._fault is not None:
            raise self._away()
        return key

    def stop(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()

    def _known(self) -> Keys:
        if self._keys is None or self._age() >= KEPT_SECONDS:
            raise self._away()
        return self._keys

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _away(self) -> TryAgain:
        return TryAgain("the keys that tokens are checked with are not there yet")

    async def _read_soon(self) -> bool:
        """Read the source, or wait for who does; False where it was read, or tried, a moment ago."""
        if self._reading is None:
            pause = FIRST_PAUSE if self._keys is None else self._source.pause_seconds
            if self._clock() - self._tried_at < pause:
                return False
            self._reading = asyncio.create_task(self._read(), name="keys")
        await asyncio.shield(self._reading)  # who asked may go; the others wait on
        return True

    async def _read(self) -> None:
        self._tried_at = self._clock()
        try:
            self._take(await self._source.read())
        except TryAgain as error:
            self._fault = error
            log.warning("keys of an issuer not read", place=self._source.place, error=str(error))
        finally:
            self._reading = None

    def _take(self, document: bytes) -> None:
        if self._keys is None or document != self._document:
            self._keys, self._document = Keys.read(document), document
            log.info("keys of an issuer read", place=self._source.place, keys=len(self._keys.by_id))
        self._read_at, self._fault = self._clock(), None
