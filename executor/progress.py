"""What a job does, as it does it: a bounded stream per thread in Dragonfly, and a channel. The only importer of redis.

Best effort by design: a job never waits for it and never fails by it. What was dropped is counted in a `gap` entry.
"""

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import redis.asyncio
import structlog
from redis.exceptions import RedisError, ResponseError

from executor.entries import Entry, key_of
from executor.errors import TryAgain
from executor.settings import DragonflySettings

log = structlog.get_logger()

BUFFER_ENTRIES = 10_000  # of all jobs of this process
BUFFER_CHARACTERS = 32_000_000
BATCH = 100
CALL_SECONDS = 5.0
CLOSE_SECONDS = 2.0
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Line:
    """An entry as it is written, to the stream and channel `key`."""

    key: str
    fields: dict[str, str]

    @property
    def size(self) -> int:
        """Characters that it holds in memory."""
        return len(self.fields["data"])


class Sink(Protocol):
    """Where entries go, in order."""

    async def write(self, lines: Sequence[Line]) -> None:
        """Write them; raises OSError, TimeoutError or RedisError."""


class Progress:
    """A buffer, bounded in entries and characters, that one task empties into the sink."""

    def __init__(self, sink: Sink, entries: int = BUFFER_ENTRIES, characters: int = BUFFER_CHARACTERS) -> None:
        self._sink = sink
        self._entries = entries
        self._characters = characters
        self._size = 0
        self._waiting: deque[Line] = deque()
        self._dropped: Counter[tuple[str, str, int]] = Counter()
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()
        self.up = True

    def emit(self, entry: Entry) -> None:
        """Hand an entry over, at once. A full buffer drops and counts it, unless it is the last one of its job."""
        line = Line(key_of(entry.thread), entry.fields())
        about = (entry.thread, entry.job, entry.attempt)
        if entry.type != "end" and self._is_full(line):
            self._dropped[about] += 1
            return
        if missed := self._dropped.pop(about, 0):
            self._append(Line(line.key, Entry(*about, "gap", "", {"dropped": missed}).fields()))
        self._append(line)

    async def run(self) -> None:
        """Write what was handed over, for ever; where the sink is away, wait and write the same entries again."""
        while True:
            await self._something.wait()
            batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            if await self._write(batch):
                self._forget(batch)
            else:
                await asyncio.sleep(PAUSE_SECONDS)

    async def check(self) -> None:
        """Raise TryAgain unless the sink took what it was last given."""
        if not self.up:
            raise TryAgain("Dragonfly does not take events")

    async def flush(self) -> None:
        """Wait until all is written."""
        await self._nothing.wait()

    def _is_full(self, line: Line) -> bool:
        return len(self._waiting) >= self._entries or self._size + line.size > self._characters

    def _append(self, line: Line) -> None:
        self._waiting.append(line)
        self._size += line.size
        self._something.set()
        self._nothing.clear()

    def _forget(self, batch: Sequence[Line]) -> None:
        for line in batch:
            self._waiting.popleft()
            self._size -= line.size
        if not self._waiting:
            self._something.clear()
            self._nothing.set()

    async def _write(self, batch: Sequence[Line]) -> bool:
        try:
            await asyncio.wait_for(self._sink.write(batch), CALL_SECONDS)
        except ResponseError as error:
            log.warning("Dragonfly refused an entry", error=str(error))  # the rest of the batch is written
        except (RedisError, OSError, TimeoutError) as error:
            if self.up:
                log.warning("Dragonfly does not take events; jobs go on", error=repr(error))
            self.up = False
            return False
        self.up = True
        return True


class DragonflySink:
    """Streams and channels named after the thread; streams are bounded and expire."""

    def __init__(self, client: redis.asyncio.Redis, settings: DragonflySettings) -> None:
        self._client = client
        self._settings = settings

    async def write(self, lines: Sequence[Line]) -> None:
        """Write all in one round trip."""
        async with self._client.pipeline(transaction=False) as pipe:
            for line in lines:
                fields: dict[Any, Any] = dict(line.fields)
                pipe.xadd(line.key, fields, maxlen=self._settings.keep_entries, approximate=True)
                pipe.publish(line.key, json.dumps(fields, ensure_ascii=False))
            for key in {line.key for line in lines}:
                pipe.expire(key, self._settings.keep_seconds)
            await pipe.execute()


@asynccontextmanager
async def open_progress(settings: DragonflySettings) -> AsyncIterator[Progress]:
    """Events flow while this is open; what is left at its end is written within two seconds or lost."""
    async with _client(settings) as client:
        progress = Progress(DragonflySink(client, settings))
        task = asyncio.create_task(progress.run(), name="progress")
        try:
            yield progress
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(progress.flush(), CLOSE_SECONDS)
            task.cancel()
            await asyncio.wait([task])


def _client(settings: DragonflySettings) -> redis.asyncio.Redis:
    # RESP2: Dragonfly up to 1.40 answers a woken XREAD BLOCK wrongly on RESP3.
    return redis.asyncio.Redis(
        host=settings.host,
        port=settings.port,
        password=settings.password.get_secret_value() if settings.password else None,
        protocol=2,
        decode_responses=True,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
    )
