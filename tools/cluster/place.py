"""Where one cluster lives: a folder for all that it writes, and the processes that it starts."""

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from executor.embedded.process import Ends, Process
from tools.cluster import parts
from tools.toolchain import Program

# All data go with the cluster, so nothing waits for an orderly end.
AT_ONCE = Ends(stop=signal.SIGKILL)

Argument = str | Path


@dataclass(frozen=True)
class Place:
    """The folder, and who hears what happens."""

    folder: Path
    tell: Callable[[str], object]
    began: float = field(default_factory=time.monotonic)

    def within(self, *parts: str) -> Path:
        """A folder of its own for something."""
        folder = self.folder.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """The file with what a process prints."""
        return self.within("logs") / f"{name}.log"

    def said(self, line: str) -> None:
        """Tell how far it is."""
        self.tell(f"{time.monotonic() - self.began:5.1f} s  {line}")

    def process(
        self, name: str, argv: Sequence[Argument], environment: Mapping[str, str] | None = None, ends: Ends = AT_ONCE
    ) -> Process:
        """A process that sees of our environment only where programs are."""
        least = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.within("home"))}
        words = [str(word) for word in argv]
        return Process(words, log=self.log(name), environment={**least, **(environment or {})}, ends=ends)

    @asynccontextmanager
    async def running(
        self,
        program: Program,
        *flags: Argument,
        answers: Callable[[], Awaitable[bool]] | None = None,
        environment: Mapping[str, str] | None = None,
        name: str = "",
    ) -> AsyncIterator[Process]:
        """A program as long as the block lasts, from when it answers."""
        called = name or program.name
        process = self.process(called, [parts.there(program), *flags], environment)
        async with process:
            if answers:
                await process.until(f"{called} answers", answers, limit=60)
                self.said(f"{called} {program.version}")
            yield process
