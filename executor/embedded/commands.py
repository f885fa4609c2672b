"""The executor's own commands as processes, of this interpreter unless told otherwise."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract import READY_PATH, SERVE_COMMAND, Env
from executor.embedded.loopback import HOST, http_ok
from executor.embedded.process import NotStarted, Process

PROGRAM = (sys.executable, "-m", "executor")


class Service(Process):
    """`agent-executor serve`, started once it is ready; the environment is all it gets, and names its port."""

    def __init__(
        self, environment: Mapping[str, str], *, log: Path | None = None, program: Sequence[str] = PROGRAM
    ) -> None:
        super().__init__(spelled(SERVE_COMMAND, program), environment=environment, log=log)
        self.port = int(environment[Env.PORT])

    @property
    def url(self) -> str:
        """http://host:port."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Start it and return once it is ready; NotStarted with the end of its log when it is not."""
        await super().start()
        await self.until(f"{self.url}{READY_PATH} says yes", self.is_ready)

    async def is_ready(self) -> bool:
        """Whether the service says so."""
        return await http_ok(self.port, READY_PATH)


async def run(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path | None = None, program: Sequence[str] = PROGRAM
) -> None:
    """Run one of our commands to its end; NotStarted when that is not a success."""
    process = Process(spelled(command, program), environment=environment, log=log)
    if status := await process.run():
        raise NotStarted(f"`{' '.join(command)}` ended with {status}: {process.tail()}")


def spelled(command: Sequence[str], program: Sequence[str] = PROGRAM) -> list[str]:
    """One of our commands, as the container spells it, with the program's own words in place of `agent-executor`."""
    return [*program, *command[1:]]
