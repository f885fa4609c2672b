"""One child process: its log, its end, and that it never outlives us."""

import asyncio
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from executor.embedded.loopback import wait_until
from executor.errors import Misconfigured

START_LIMIT = 30.0
STOP_LIMIT = 20.0


class NotStarted(Misconfigured):
    """A program did not start; the message says why, and what to do where we know."""


@dataclass(frozen=True)
class Ends:
    """The signals that stop a program in its own orderly way, and as a crash would."""

    stop: signal.Signals = signal.SIGTERM
    crash: signal.Signals = signal.SIGKILL


class Process:
    """A command and everything it spawns: started, stopped, killed, started again.

    Its output goes to `log`, or to our stderr without one. `wrapper` are the words before the command (unshare, ...).
    Where setpriv is (Linux), the kernel stops it when the thread that started it ends, even by SIGKILL.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        ends: Ends = Ends(),
    ) -> None:
        self.name = " ".join((Path(argv[0]).name, *argv[1:]))
        self.log = log
        self._argv = (*wrapper, *_leash(ends.stop), *argv)
        self._environment = environment
        self._ends = ends
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of the last start; none before it."""
        return self._child.pid if self._child else None

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; none while it runs and before it started."""
        return self._child.returncode if self._child else None

    async def start(self) -> None:
        """Start the command in a process group of its own, so that Ctrl-C reaches it through us alone."""
        with _output(self.log) as output:
            self._child = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                start_new_session=True,
            )

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]], limit: float = START_LIMIT) -> None:
        """Return once `holds` does; NotStarted with the end of its log when it ends first or after `limit` seconds."""
        try:
            await wait_until(what, lambda: self._alive_and(holds), limit)
        except TimeoutError as error:
            raise NotStarted(f"{error}: {self.tail()}") from None

    async def run(self) -> int:
        """Start it and return its exit status; it does not outlive a cancellation."""
        async with self:
            return await self.wait()

    async def wait(self) -> int:
        """The exit status, once it has ended; RuntimeError if it never started."""
        if self._child is None:
            raise RuntimeError("not started")
        return await self._child.wait()

    async def stop(self, limit: float = STOP_LIMIT) -> int | None:
        """End it with its own signal, with SIGKILL after `limit` seconds; the exit status, none if it never started."""
        return await self._end(self._ends.stop, limit)

    async def kill(self) -> int | None:
        """End it at once, as a crash would."""
        return await self._end(self._ends.crash, STOP_LIMIT)

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open(errors="replace") as text:
            return "".join(deque(text, lines)).rstrip()

    async def _alive_and(self, holds: Callable[[], Awaitable[bool]]) -> bool:
        if self.status is not None:
            raise NotStarted(f"{self.name} ended with {self.status}: {self.tail()}")
        return await holds()

    async def _end(self, sent: signal.Signals, limit: float) -> int | None:
        if self._child is None:
            return None
        try:
            with suppress(ProcessLookupError):
                self._child.send_signal(sent)
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._child.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        return await self._child.wait()


async def together(*tasks: Coroutine[Any, Any, None]) -> None:
    """Do all at once; the first that fails stops the others, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


def _leash(sent: signal.Signals) -> tuple[str, ...]:
    """The words that tie a child's life to ours: no preexec_fn, which is unsafe beside threads."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", sent.name.removeprefix("SIG"), "--") if setpriv else ()


@contextmanager
def _output(log: Path | None) -> Iterator[IO[Any]]:
    if log is None:
        yield sys.stderr
        return
    with log.open("ab") as file:
        yield file
