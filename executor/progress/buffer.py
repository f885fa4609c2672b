"""A bounded buffer between the jobs and the place where their entries go.

Best effort by design: a job never waits for it and never fails by it. What was dropped is counted in a `gap` entry.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from executor.errors import TryAgain
from executor.jobs.entries import Entry, key_of

log = structlog.get_logger()

BUFFER_ENTRIES = 10_000  # of all jobs of this process
BUFFER_CHARACTERS = 32_000_000
BATCH = 500
LINGER_SECONDS = 0.01  # what happens within it travels together: each write costs more than what it carries
CALL_SECONDS = 5.0
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
        """Write them; raises TryAgain where the sink is away."""


class Progress:
    """A buffer, bounded in entries and characters, that one task empties into the sink."""

    def __init__(self, sink: Sink, entries: int = BUFFER_ENTRIES, characters: int = BUFFER_CHARACTERS) -> None:
        self._sink = sink
        self._entries = entries
        self._characters = characters
        self._size = 0
        self._waiting: deque[Line] = deque()
        self._dropped: Counter[tuple[str, str, int]] = Counter()
        self._handed = self._done = 0  # entries, ever
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
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
            await asyncio.sleep(LINGER_SECONDS)
            batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            if await self._write(batch):
                self._forget(batch)
            else:
                await asyncio.sleep(PAUSE_SECONDS)

    async def written(self) -> None:
        """Wait until all that was handed over so far is written; not where the sink is away."""
        if self._done < self._handed and self.up:
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((self._handed, written))
            await written

    async def flush(self) -> None:
        """Wait until all is written."""
        await self._nothing.wait()

    def _is_full(self, line: Line) -> bool:
        return len(self._waiting) >= self._entries or self._size + line.size > self._characters

    def _append(self, line: Line) -> None:
        self._waiting.append(line)
        self._size += line.size
        self._handed += 1
        self._something.set()
        self._nothing.clear()

    def _forget(self, batch: Sequence[Line]) -> None:
        for line in batch:
            self._waiting.popleft()
            self._size -= line.size
        self._done += len(batch)
        self._answer_waiters()
        if not self._waiting:
            self._something.clear()
            self._nothing.set()

    def _answer_waiters(self) -> None:
        while self._waiters and (self._waiters[0][0] <= self._done or not self.up):
            _, written = self._waiters.popleft()
            if not written.done():
                written.set_result(None)

    async def _write(self, batch: Sequence[Line]) -> bool:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._sink.write(batch)
        except (TryAgain, TimeoutError) as error:
            if self.up:
                log.warning("Dragonfly does not take events; jobs go on", error=repr(error))
            self.up = False
            self._answer_waiters()
            return False
        self.up = True
        return True
