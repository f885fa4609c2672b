"""One run: the servers, the workers, the jobs, first in peace, then in the storm; then everything is looked at."""

import asyncio
import math
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import quote

import nats

from contract import DEFAULT_STREAM, MIGRATE_COMMAND, STREAMS_COMMAND, Env
from executor import embedded
from executor.embedded.commands import run as command
from executor.embedded.dev import CONSUMER
from tests.chaos.client import AWAY, Client
from tests.chaos.disk import small_disk
from tests.chaos.faults import Storm
from tests.chaos.fleet import Slot, fleet
from tests.chaos.history import Fault, History
from tests.chaos.jobs import ASKING, Order, orders
from tests.chaos.logs import bugs, leaks
from tests.chaos.people import People
from tests.chaos.record import Record, recorded
from tests.integration.world import World

AGAIN = 0.1  # of the jobs: their message is published twice at once
LATER = 0.1  # of the jobs: again when they have ended
CONFLICT = 0.03
ATTEMPTS = "20"  # so that no job is given up because it was hit too often
LOOK = 0.25
GRAPHS = Path(__file__).with_name("langgraph.json")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How large, how long, and how rough; a job count or seconds that are None do not end the storm."""

    seed: int
    jobs: int | None
    seconds: float | None
    kinds: tuple[str, ...]
    pause: tuple[float, float] = (0.5, 3.0)
    workers: int = 4
    backlog: int = 60
    calm: int = 120
    settle: float = 180.0
    disk: str | None = None
    broken: str | None = None
    sql: str = ""
    asking: float = ASKING
    keep: Path | None = None


@dataclass
class Figures:
    """Jobs per second in peace and in the storm, and how long all of it took."""

    calm: float = 0.0
    storm: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Scene:
    """Everything that a run acts on."""

    options: Options
    client: Client
    people: People
    slots: list[Slot]
    storm: Storm
    source: Iterator[Order]
    random: Random
    say: Say
    figures: Figures = field(default_factory=Figures)
    _later: list[tuple[Order, bool]] = field(default_factory=list)

    async def submit(self, count: int | None, seconds: float | None) -> float:
        """Keep the backlog full until so many jobs are asked for or so long; how many ended a second meanwhile."""
        began, ended, wanted = time.monotonic(), len(self.client.ended), count
        until = began + seconds if seconds else math.inf
        while wanted != 0 and time.monotonic() < until:
            if self.client.open >= self.options.backlog:
                await asyncio.sleep(LOOK / 5)
                continue
            await self._ask(next(self.source))
            wanted = None if wanted is None else wanted - 1
        await self.wait_for(self.options.backlog // 4, until)
        return (len(self.client.ended) - ended) / (time.monotonic() - began)

    async def wait_for(self, few: int, until: float = math.inf) -> None:
        """Until no more than a few jobs are open, or it is too late."""
        while self.client.open > few and time.monotonic() < until:  # noqa: ASYNC110 - other processes end the wait
            await asyncio.sleep(LOOK / 5)

    async def _ask(self, order: Order) -> None:
        asked = await self.client.ask(order, self.random)
        chance = self.random.random()
        if asked.subject:  # it names no job that could be the same again
            return
        if chance < AGAIN:
            await self.client.publish(order.body, order.headers, f"{asked.job}:again")
        elif chance < AGAIN + LATER + CONFLICT:
            self._later.append((order, chance > AGAIN + LATER))
        await self._ask_again()

    async def _ask_again(self) -> None:
        """What comes again comes when the job has ended, out of the order of the others."""
        ready = [each for each in self._later if each[0].asked.job in self.client.ended]
        self._later = [each for each in self._later if each not in ready]
        for order, conflicting in ready:
            if conflicting:
                await self.client.conflict(self.client.asked[order.asked.job], order.with_other_content())
            else:
                await self.client.publish(order.body, order.headers, f"{order.asked.job}:later")

    async def settled(self) -> bool:
        """Whether everything has come to rest."""
        try:
            rest = await self.client.rest()
        except AWAY:
            return False
        self.say(f"settling: {rest}")
        return not any(rest.values()) and not self._later

    async def settle(self) -> None:
        """Wait until everything has come to rest, or for as long as that may take."""
        until = time.monotonic() + self.options.settle
        while time.monotonic() < until:
            await self._ask_again()
            if await self.settled():
                return
            await asyncio.sleep(LOOK * 2)


async def chaos(options: Options, say: Say) -> tuple[History, Figures]:
    """All that happened in a run."""
    async with staged(options, say) as (scene, record, folder):
        async with scene.people.attending():
            await _act(scene)
        rest = await scene.client.rest()
        shown, live, letters = await scene.client.shown(), await scene.client.live(), await scene.client.letters()
        await asyncio.gather(*(slot.close() for slot in scene.slots))
        exits = [each for slot in scene.slots for each in slot.exits]
        ends = [Fault(each.cause, each.worker, each.at, each.at) for each in exits]
        history = History(
            asked=list(scene.client.asked.values()),
            calls=record.calls,
            facts=list(scene.client.facts.values()),
            answers=scene.people.answers,
            letters=letters,
            faults=[*scene.storm.faults, *ends],
            exits=exits,
            vitals=[vital for slot in scene.slots for vital in slot.vitals],
            leaks=[*scene.client.leaks, *leaks(folder, scene.client.secrets)],
            bugs=bugs(folder),
            rest=rest,
            shown=shown,
            live=live,
        )
    return history, scene.figures


async def _act(scene: Scene) -> None:
    options, began = scene.options, time.monotonic()
    following = asyncio.create_task(scene.client.follow())
    watching = asyncio.create_task(_watch(scene))

    def passed(act: str) -> None:
        scene.figures.seconds[act] = time.monotonic() - began - sum(scene.figures.seconds.values())

    passed("start")
    await scene.submit(options.calm, None)
    await scene.wait_for(0, time.monotonic() + options.settle)
    scene.figures.calm = _rate(sorted(scene.client.ended.values()))
    passed("calm")
    async with scene.storm.raging(options.kinds, options.pause):
        scene.figures.storm = await scene.submit(options.jobs, options.seconds)
    passed("storm")
    watching.cancel()
    await scene.settle()
    passed("settle")
    for _ in range(40):
        if await scene.client.is_read():
            break
        await asyncio.sleep(LOOK)
    following.cancel()


def _rate(ends: Sequence[float]) -> float:
    """Jobs per second between the tenth and the ninetieth of a hundred ends."""
    tenth = len(ends) // 10
    middle = ends[tenth : len(ends) - tenth]
    return (len(middle) - 1) / max(middle[-1] - middle[0], 0.001) if len(middle) > 1 else 0.0


async def _watch(scene: Scene) -> None:
    while True:
        client, faults = scene.client, len(scene.storm.faults) + sum(len(slot.exits) for slot in scene.slots)
        scene.say(f"{len(client.asked)} asked for, {len(client.ended)} ended, {faults} faults")
        await asyncio.sleep(LOOK * 2)


@asynccontextmanager
async def staged(options: Options, say: Say) -> AsyncIterator[tuple[Scene, Record, Path]]:
    """The scene, with everything running."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(options.keep))
        disk = stack.enter_context(small_disk(options.disk, folder / "servers"))
        say("starting servers and workers")
        servers = await stack.enter_async_context(embedded.servers(folder / "servers"))
        record = await stack.enter_async_context(recorded())
        key = f"sk-{secrets.token_hex(16)}"
        environment = _environment(servers, key)
        for words in (STREAMS_COMMAND, MIGRATE_COMMAND):
            await command(words, environment, log=folder / "setup.log")
        place = await stack.enter_async_context(_world(environment))
        if options.sql:
            await place.execute(options.sql)
        slots = await stack.enter_async_context(
            fleet(
                count=options.workers,
                servers=servers,
                environment=environment,
                record=record,
                folder=folder,
                broken=options.broken,
            )
        )
        random = Random(options.seed)  # noqa: S311 - chooses faults, guards nothing
        ports = [slot.port for slot in slots]
        people = People(ports, Random(options.seed + 2))  # noqa: S311 - the same
        client = Client(place, ports, people.hear, secrets=_spelled(key, servers.postgres.password))
        storm = Storm(Random(options.seed + 1), slots, servers, record, disk)  # noqa: S311 - the same
        source = orders(options.seed, options.asking)
        yield Scene(options, client, people, slots, storm, source, random, say), record, folder


@asynccontextmanager
async def _world(environment: dict[str, str]) -> AsyncIterator[World]:
    """A client that is not surprised when the broker goes away."""

    async def quiet(_: Exception) -> None:
        return

    client = await nats.connect(environment[Env.NATS_URL], error_cb=quiet, max_reconnect_attempts=-1)
    try:
        yield World(environment, client)
    finally:
        await client.close()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="agent-executor-chaos-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _environment(servers: embedded.Servers, key: str) -> dict[str, str]:
    own = {
        Env.NATS_STREAM_NAME: DEFAULT_STREAM,
        Env.NATS_CONSUMER_GROUP: CONSUMER,
        Env.OPENAI_API_KEY: key,
        Env.EXECUTOR_MAX_ATTEMPTS: ATTEMPTS,
        Env.EXECUTOR_GRAPHS: str(GRAPHS),
        "PATH": os.environ["PATH"],
    }
    return servers.environment() | own


def _spelled(*words: str) -> list[str]:
    return [form for word in words for form in {word, quote(word, safe="")}]
