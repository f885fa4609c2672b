"""A container as a process of ours: under its own user, with a read-only root, without a capability, on loopback."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from executor.embedded.process import Process
from tools.images.engine import LIMITS, Engine

CONFINED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
READY_LIMIT = 120.0  # where images are kept by copies, a start copies one
KIBIBYTES_A_MEGABYTE = 1000 / 1.024


@dataclass(frozen=True)
class Start:
    """How long from the process's first moment until it was ready, how much of that it computed, its memory then."""

    seconds: float
    busy: float
    megabytes: float


@dataclass(frozen=True)
class Image:
    """An image to run, under another user than its own where one is given; `scratch` gives it a writable /tmp."""

    engine: Engine
    name: str
    user: str | None = None
    scratch: bool = False


class Container(Process):
    """A container in the foreground: its end is the end of `podman run`, and so is its log."""

    def __init__(
        self, image: Image, arguments: Sequence[str], environment: Mapping[str, str], *, log: Path, whole: bool = False
    ) -> None:
        """With `whole` the arguments are the command as well, as in a pod's spec, else they follow the image's own."""
        self._pid_file = log.with_suffix(".pid")
        self._pid_file.unlink(missing_ok=True)
        how = ["run", "--rm", "--network=host", *LIMITS, *CONFINED, f"--pidfile={self._pid_file}"]
        how += [f"--user={image.user}"] if image.user else []
        how += ["--tmpfs=/tmp:mode=1777"] if image.scratch else []
        how += [f"--env={name}" for name in environment]  # without their values: secrets are not for a command line
        command, rest = ([f"--entrypoint={arguments[0]}"], arguments[1:]) if whole else ([], arguments)
        argv = [*image.engine.podman(), *how, *command, image.name, *rest]
        super().__init__(argv, environment=beside(environment), log=log)

    async def ready(self, what: str, holds: Callable[[], Awaitable[bool]]) -> Start:
        """Wait until it holds; NotStarted when the container ends first."""
        await self.until(what, holds, READY_LIMIT)
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        inside = int(self._pid_file.read_text())
        began, busy = clocks(inside)
        return Start(now - began, busy, resident(inside))


def clocks(process: int) -> tuple[float, float]:
    """When a process began, in seconds since the machine was booted, and how many it has computed."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    user, system, began = (int(after_name[field]) / os.sysconf("SC_CLK_TCK") for field in (11, 12, 19))
    return began, user + system


def resident(process: int) -> float:
    """A process's resident memory, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    with suppress(StopIteration):
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / KIBIBYTES_A_MEGABYTE
    return 0.0


def beside(environment: Mapping[str, str]) -> dict[str, str]:
    """What podman needs itself, and the container's variables that it takes out of its own."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | dict(environment)
