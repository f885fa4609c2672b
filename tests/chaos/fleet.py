"""Workers as processes: each is started again when it ends, whatever ended it, as Kubernetes does."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract import SERVE_COMMAND, Env
from executor.embedded import Servers
from executor.embedded.commands import spelled
from executor.embedded.loopback import HOST, free_port, http_ok, wait_until
from executor.embedded.process import Process
from tests.chaos.gate import Gate
from tests.chaos.history import SERVERS, Exit, Vital
from tests.chaos.record import Record, key_of

STOP_SECONDS = 60.0
SAMPLE_SECONDS = 2.0


def command(broken: str | None) -> list[str]:
    """`agent-executor serve`, or the same with a bug that the suite puts in."""
    if broken is None:
        return spelled(SERVE_COMMAND)
    return [sys.executable, "-m", "tests.chaos.broken", broken, "serve"]


@dataclass
class Slot:
    """The place of a worker; what runs there is named `<slot>.<how often it was started>`."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    record: Record
    folder: Path
    gates: Mapping[str, Gate]
    exits: list[Exit] = field(default_factory=list)
    vitals: list[Vital] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    busy: bool = False  # a fault is at it
    crash_at: str | None = None  # where the next one is to die
    cause: str = "itself"
    closing: bool = False
    _started: int = 0
    _process: Process | None = None

    @property
    def worker(self) -> str:
        """The name of what runs there now."""
        return f"{self.name}.{self._started}"

    async def keep(self) -> None:
        """Start a worker, and another whenever it ends, until the slot closes."""
        while not self.closing:
            self._started += 1
            self.cause, armed = "itself", self.crash_at
            self._process = Process(self.argv, environment=self._variables(), log=self.folder / f"{self.worker}.log")
            self.crash_at = None
            await self._process.start()
            status = await self._process.wait()
            died = armed and status == -signal.SIGKILL and self.cause != "kill"
            self.exits.append(Exit(self.worker, "point" if died else self.cause, status, time.time()))

    def send(self, what: signal.Signals, cause: str | None = None) -> None:
        """Send a signal; with a cause, to its death."""
        if cause:
            self.cause = cause
        if self._process is not None and self._process.pid is not None and self._process.status is None:
            os.kill(self._process.pid, what)

    async def gone(self, worker: str, limit: float) -> bool:
        """Whether this worker ends in time."""
        return await eventually(lambda: any(each.worker == worker for each in self.exits), limit)

    async def ready(self) -> bool:
        """Whether it says so."""
        return await http_ok(self.port, "/ready")

    def sample(self) -> None:
        """Note what it uses now."""
        try:
            place = Path(f"/proc/{self._process.pid if self._process else 0}")
            memory = int(place.joinpath("statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            vital = Vital(time.time(), self.worker, memory, len(list(place.joinpath("fd").iterdir())))
            self.vitals.append(vital)
        except (OSError, IndexError):
            return  # it is just ending

    async def close(self) -> None:
        """End what runs there as a rollout does."""
        self.closing = True
        self.send(signal.SIGTERM, "rollout")
        if not await self.gone(self.worker, STOP_SECONDS):
            self.send(signal.SIGKILL, "itself")

    def _variables(self) -> dict[str, str]:
        own: dict[str, str] = {
            Env.PORT: str(self.port),
            Env.NATS_URL: f"nats://{HOST}:{self.gates['nats'].port}",
            Env.POSTGRES_PORT: str(self.gates["postgres"].port),
            Env.DRAGONFLY_PORT: str(self.gates["dragonfly"].port),
            Env.OPENAI_BASE_URL: self.record.url,
            Env.OPENAI_API_KEY: key_of(self.worker, self.environment[Env.OPENAI_API_KEY]),
        }
        return {**self.environment, **own, **({Env.EXECUTOR_CRASH_AT: self.crash_at} if self.crash_at else {})}


async def eventually(holds: Callable[[], bool], limit: float) -> bool:
    """Whether it holds in time."""

    async def so() -> bool:
        return holds()

    try:
        await wait_until("so", so, limit, every=0.05)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def fleet(  # noqa: PLR0913 - each is one of its needs
    *, count: int, servers: Servers, environment: Mapping[str, str], record: Record, folder: Path, broken: str | None
) -> AsyncIterator[list[Slot]]:
    """So many workers, ready; none is left at the end."""
    async with AsyncExitStack() as stack:
        slots = []
        for number in range(count):
            gates = {name: Gate(getattr(servers, name).port) for name in SERVERS}
            for gate in gates.values():
                await stack.enter_async_context(gate.listening())
            slots.append(Slot(f"w{number + 1}", command(broken), environment, record, folder, gates))
        keeping = [asyncio.create_task(slot.keep()) for slot in slots]
        sampling = asyncio.create_task(_sample(slots))
        try:
            for slot in slots:
                await wait_until(f"{slot.worker} is ready", slot.ready, 120, every=0.2)
            yield slots
        finally:
            await asyncio.gather(*(slot.close() for slot in slots))
            sampling.cancel()
            await asyncio.wait([*keeping, sampling], timeout=STOP_SECONDS)


async def _sample(slots: Sequence[Slot]) -> None:
    while True:
        for slot in slots:
            slot.sample()
        await asyncio.sleep(SAMPLE_SECONDS)
