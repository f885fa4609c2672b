"""The two images, and their processes as they are started, asked and told from outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from contract import MIGRATE_COMMAND, STREAMS_COMMAND, Env
from executor.embedded import commands
from executor.embedded.loopback import free_port
from tests.integration.world import STRUCTURED

COMPLAINTS = {"warning", "error", "critical"}


@dataclass(frozen=True)
class Image:
    """A tree with an environment in which its commands are."""

    name: str
    folder: Path

    def __str__(self) -> str:
        return self.name

    @property
    def program(self) -> tuple[str, ...]:
        """`agent-executor`."""
        return (str(self.folder / ".venv" / "bin" / "agent-executor"),)

    @property
    def migrations(self) -> Path:
        """The folder of its migrations."""
        return self.folder / "migrations"


class Pod(commands.Service):
    """A service of an image, on a port of its own."""

    def __init__(self, image: Image, environment: Mapping[str, str], logs: Path) -> None:
        port = str(free_port())
        mine = {**environment, Env.PORT: port, "UPGRADE_IMAGE": image.name}
        super().__init__(mine, log=logs / f"{image.name}-{port}.log", program=image.program)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask it; a stream is read to its end."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            return await http.get(path, headers=headers)

    async def post(self, path: str, body: Any = None, **more: str) -> int:
        """Tell it something, at `/` an event; the status of its answer."""
        headers = (STRUCTURED if path == "/" else {"content-type": "application/json"}) | more
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            return (await http.post(path, content=json.dumps(body), headers=headers)).status_code

    def complaints(self) -> set[str]:
        """The events that it logged as warnings or errors."""
        lines = map(json.loads, self.tail(10_000).splitlines())
        return {line["event"] for line in lines if line["level"] in COMPLAINTS}


@dataclass
class Pods:
    """The services of a test and its commands; `expected` is all that they may complain of."""

    environment: Mapping[str, str]
    logs: Path
    expected: set[str] = field(default_factory=set)
    started: list[Pod] = field(default_factory=list)

    async def start(self, image: Image, **more: str) -> Pod:
        """Start a service with more variables where given; it is ready then."""
        pod = Pod(image, {**self.environment, **more}, self.logs)
        self.started.append(pod)
        await pod.start()
        return pod

    async def run(self, image: Image, *words: str) -> None:
        """Run a command of an image to its end; NotStarted when that is not a success."""
        await commands.run(("agent-executor", *words), self.environment, program=image.program)

    async def provision(self, image: Image) -> None:
        """Make the streams and the tables that an image wants."""
        await self.run(image, *STREAMS_COMMAND[1:])
        await self.run(image, *MIGRATE_COMMAND[1:], "--folder", str(image.migrations))

    async def end(self) -> None:
        """Kill all that still run."""
        for pod in self.started:
            await pod.kill()

    def complaints(self) -> set[str]:
        """What all of them complained of."""
        return {complaint for pod in self.started for complaint in pod.complaints()}
