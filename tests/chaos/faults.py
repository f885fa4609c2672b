"""What is done to the service: one fault after another at random under a seed, several at a time."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import get_args

from executor.embedded import Servers
from executor.embedded.loopback import http_ok
from executor.settings import FailpointName
from tests.chaos.disk import Disk
from tests.chaos.fleet import Slot, eventually
from tests.chaos.history import GATE_FAULTS, OUTAGE, SERVERS, Fault
from tests.chaos.record import Record

POINTS: tuple[FailpointName, ...] = get_args(FailpointName)
PAUSE = (16.0, 20.0)  # past the lease of 15 s
POINT_SECONDS = 30.0
ROLLOUT_SECONDS = 45.0
DOWN = (0.2, 4.0)
BROKEN = (1.0, 20.0)
SLOW = 0.2
AWAY = (10.0, 25.0)
BACK = 40.0  # at least, so that other faults meet work
REFUSALS = (503, 429)
WORKER_KINDS = ("kill", "point", "pause", "rollout")
KINDS = (*WORKER_KINDS, *SERVERS, *sorted(GATE_FAULTS), OUTAGE)


@dataclass
class Storm:
    """Faults on a fleet, its servers and its provider; the last worker is spared what ends or stops one."""

    random: Random
    slots: Sequence[Slot]
    servers: Servers
    provider: Record
    disk: Disk | None = None
    faults: list[Fault] = field(default_factory=list)
    _points: list[FailpointName] = field(default_factory=list)
    _down: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def raging(self, kinds: Sequence[str], pause: tuple[float, float]) -> AsyncIterator[None]:
        """Faults of these kinds, one after each pause; at the end those under way are waited for."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._rage(kinds, pause, stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def _rage(self, kinds: Sequence[str], pause: tuple[float, float], stop: asyncio.Event) -> None:
        bag: list[str] = []
        async with asyncio.TaskGroup() as group:
            while kinds and not stop.is_set():
                bag = bag or self.random.sample(kinds, len(kinds))
                group.create_task(self._do(bag.pop()))
                await _unless(stop, self.random.uniform(*pause))

    async def _do(self, kind: str) -> None:
        if kind in WORKER_KINDS:
            await self._on_a_worker({"kill": kill, "point": self._die, "pause": self._sleep, "rollout": roll}[kind])
        elif kind == "disk":
            await self._fill()
        elif kind in SERVERS:
            await self._crash(kind)
        elif kind == OUTAGE:
            await self._refuse()
        else:
            await self._disturb(kind)

    async def _on_a_worker(self, fault: Callable[[Slot], Awaitable[None]]) -> None:
        # To hit one that is still starting shows nothing.
        up = [slot for slot in self.slots[:-1] if not slot.busy and await http_ok(slot.port, "/health")]
        idle = [slot for slot in up if not slot.busy]
        if idle:
            slot = self.random.choice(idle)
            slot.busy = True
            await fault(slot)
            slot.busy = False

    async def _die(self, slot: Slot) -> None:
        """Let the next worker here die at the next named point."""
        self._points = self._points or self.random.sample(POINTS, len(POINTS))
        slot.crash_at, ends = self._points.pop(), len(slot.exits)
        await kill(slot)
        await eventually(lambda: len(slot.exits) > ends + 1, POINT_SECONDS)

    async def _sleep(self, slot: Slot) -> None:
        worker, seconds, began = slot.worker, self.random.uniform(*PAUSE), time.time()
        slot.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        slot.send(signal.SIGCONT)
        self.faults.append(Fault("pause", worker, began, time.time()))

    async def _crash(self, name: str) -> None:
        if name not in self._down:
            async with self._noted(name, name):
                server = getattr(self.servers, name)
                await server.kill()
                await asyncio.sleep(self.random.uniform(*DOWN))
                await server.start()

    async def _refuse(self) -> None:
        ended = max((fault.until for fault in self.faults if fault.kind == OUTAGE), default=0.0)
        if self.provider.outage is None and time.time() > ended + BACK:
            async with self._noted(OUTAGE, "provider"):
                self.provider.outage = self.random.choice(REFUSALS)
                await asyncio.sleep(self.random.uniform(*AWAY))
                self.provider.outage = None

    async def _fill(self) -> None:
        if self.disk is not None and self.disk.server not in self._down:
            async with self._noted("disk", self.disk.server):
                with self.disk.full():
                    await asyncio.sleep(self.random.uniform(*DOWN))
                server = getattr(self.servers, self.disk.server)
                await server.kill()  # who met a full disk gives up, and is started again
                await server.start()

    async def _disturb(self, kind: str) -> None:
        slot, name = self.random.choice(self.slots), self.random.choice(SERVERS)
        gate, seconds = slot.gates[name], self.random.uniform(*BROKEN)
        if gate.delay or not gate.open.is_set():
            return
        async with self._noted(kind, f"{slot.worker}>{name}"):
            if kind == "cut":
                gate.cut()
                return
            if kind == "slow":
                gate.delay = SLOW
            else:
                gate.open.clear()
            await asyncio.sleep(seconds)
            gate.delay = 0.0
            gate.open.set()

    @asynccontextmanager
    async def _noted(self, kind: str, target: str) -> AsyncIterator[None]:
        began = time.time()
        self._down.add(target)
        yield
        self._down.discard(target)
        self.faults.append(Fault(kind, target, began, time.time()))


async def kill(slot: Slot) -> None:
    """SIGKILL."""
    worker = slot.worker
    slot.send(signal.SIGKILL, "kill")
    await slot.gone(worker, ROLLOUT_SECONDS)


async def roll(slot: Slot) -> None:
    """SIGTERM, and wait for its orderly end."""
    worker = slot.worker
    slot.send(signal.SIGTERM, "rollout")
    await slot.gone(worker, ROLLOUT_SECONDS)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
