"""What the three embedded servers share: a folder, a port, a life."""

import abc
from pathlib import Path

from executor.embedded.loopback import free_port
from executor.embedded.process import Process


class Server(abc.ABC):
    """One server on a loopback port of its own, with data and log in one folder; it keeps both when it starts again."""

    name: str

    def __init__(self, root: Path) -> None:
        self.folder = root / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: Process | None = None

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Where a client reaches it, credentials included."""

    @abc.abstractmethod
    async def prepare(self) -> Process:
        """Write what it needs on disk, and name the command that runs it."""

    @abc.abstractmethod
    async def answers(self) -> bool:
        """Whether it accepts clients."""

    async def start(self) -> None:
        """Start it and return once it accepts clients; NotStarted with the end of its log when it does not."""
        self._process = self._process or await self.prepare()
        await self._process.start()
        await self._process.until(f"{self.name} accepts clients", self.answers)

    async def stop(self) -> None:
        """Stop it in its own orderly way."""
        if self._process:
            await self._process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            await self._process.kill()

    async def restart(self) -> None:
        """Stop it and start it again, on the same port and data."""
        await self.stop()
        await self.start()

    @property
    def log(self) -> Path:
        """Everything it printed."""
        return self.folder / "log"
