"""A world in memory for the worker. What it is asked to do is written into one journal, in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from executor.errors import Drained, ExecutorError, TryAgain
from executor.jobs.agents import UNRESOLVED, KnownAgent, Resolved, agent_asked
from executor.jobs.claims import Claim
from executor.jobs.entries import BEGINNING, Entry, Place, StreamEntry
from executor.jobs.job import Completed, Interrupted, JobRequest, Message, Result
from executor.worker.ports import Emit

Journal = list[tuple[object, ...]]
Act = Callable[["FakeRun"], Awaitable[Result]]

IDLE_SECONDS = 0.01
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeDelivery:
    """A delivery that notes how it was answered."""

    body: bytes
    journal: Journal = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 1
    subject: str = "agent.execute.test"
    stream: str = "AGENT_EXECUTION"

    async def ack(self) -> None:
        self.journal.append(("ack", self.sequence))

    async def nak(self, after: float = 0.0) -> None:
        self.journal.append(("nak", self.sequence, after))

    async def in_progress(self) -> None:
        self.journal.append(("in progress", self.sequence))


@dataclass
class FakePods:
    """Pods of which one does not know `unknown`; notes who said what."""

    unknown: set[str] = field(default_factory=set)
    journal: Journal = field(default_factory=list)
    down: bool = False

    async def all_know(self, features: Collection[str]) -> bool:
        return not self.unknown & set(features)

    async def seen(self, pod: str, version: str, features: Collection[str]) -> None:
        if self.down:
            raise TryAgain("the ledger is down")
        self.journal.append(("seen", pod, version, *features))

    async def gone(self, pod: str) -> None:
        if self.down:
            raise TryAgain("the ledger is down")
        self.journal.append(("gone", pod))


@dataclass
class FakeBroker:
    """Deliveries in a row, and a stream that stores each message id once."""

    journal: Journal
    waiting: deque[FakeDelivery] = field(default_factory=deque)
    stored: dict[str, Message] = field(default_factory=dict)
    takes: int = 0
    down: bool = False
    refused: set[str] = field(default_factory=set)
    called_off: list[str] = field(default_factory=list)
    told: list[Callable[[str], None]] = field(default_factory=list)
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.listening.set()

    async def acknowledged(self) -> int:
        return 0

    async def first(self) -> int:
        return 2

    async def at(self, sequence: int) -> tuple[Mapping[str, str], bytes] | None:  # noqa: ARG002 - the port's
        return None

    @asynccontextmanager
    async def ends(self, tell: Callable[[str], None]) -> AsyncIterator[None]:
        await self.listening.wait()
        if self.down:
            raise TryAgain("the broker is down")
        self.told.append(tell)
        try:
            yield
        finally:
            self.told.remove(tell)

    async def call_off(self, job_id: str) -> None:
        self.called_off.append(job_id)

    async def take(self) -> FakeDelivery | None:
        self.takes += 1
        if self.down:
            raise TryAgain("the broker is down")
        if self.waiting:
            return self.waiting.popleft()
        await asyncio.sleep(IDLE_SECONDS)
        return None

    async def publish(self, message: Message) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise TryAgain("the broker is down")
        if message.subject in self.refused:
            raise ExecutorError("too large")
        self.journal.append(("publish", message.id))
        self.stored.setdefault(message.id, message)

    async def announce(self, message: Message) -> None:
        await self.publish(message)


@dataclass
class FakeRun:
    """A run whose end is one of the acts below."""

    act: Act
    emit: Emit
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    is_answer: bool = False
    questions: list[dict[str, Any]] = field(default_factory=list)

    async def asked(self) -> list[dict[str, Any]]:
        return self.questions

    async def finish(self) -> Result:
        return await self.act(self)

    def drain(self) -> None:
        self.draining.set()


@dataclass
class FakeAgents:
    """For each job the acts of its attempts in turn, the last one for all that follow; by default it completes."""

    acts: dict[str, list[Act | Exception]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    runs: list[FakeRun] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)
    named: dict[str, Resolved] = field(default_factory=dict)

    def resolve(self, job: JobRequest) -> Resolved:
        return self.named.get(str(agent_asked(job.agent_definition)), UNRESOLVED)

    async def open(self, job: JobRequest, _: Claim, emit: Emit) -> FakeRun:
        await asyncio.sleep(0)
        acts = self.acts.get(job.job_id, [completes()])
        nth = self.opened.count(job.job_id)
        self.opened.append(job.job_id)
        act = acts[min(nth, len(acts) - 1)]
        if isinstance(act, Exception):
            raise act
        self.runs.append(FakeRun(act, emit))
        return self.runs[-1]

    async def check(self, job: JobRequest) -> Resolved:
        if job.job_id in self.refused:
            raise self.refused[job.job_id]
        return self.resolve(job)

    def listed(self) -> list[KnownAgent]:
        return [KnownAgent(name, "definition", f"{name}.yaml") for name in self.named]


@dataclass
class FakeStream:
    """Entries in a row."""

    entries: list[Entry] = field(default_factory=list)

    down: bool = False
    writing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.writing.set()

    def emit(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def written(self) -> None:
        await self.writing.wait()

    async def ended(self, thread_id: str, job_id: str) -> bool:
        if self.down:
            raise TryAgain("Dragonfly is down")
        return any((entry.thread, entry.job, entry.type) == (thread_id, job_id, "end") for entry in self.entries)


@dataclass
class FakeEntries:
    """The streams of threads, to be read; `pages` and `readings` count how often they were."""

    streams: dict[str, list[StreamEntry]] = field(default_factory=dict)
    page_length: int = 3
    down: bool = False
    pages: int = 0
    readings: int = 0
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, *lines: Mapping[str, str], thread: str = "t") -> None:
        """Add entries to a thread's stream."""
        stream = self.streams.setdefault(thread, [])
        for line in lines:
            stream.append(StreamEntry(Place(stream[-1].place.milliseconds + 1 if stream else 1, 0), line))
        self.written.set()
        self.written.clear()

    async def page(self, thread_id: str, place: Place) -> Sequence[StreamEntry]:
        await asyncio.sleep(0)
        self._must_be_up()
        self.pages += 1
        following = [entry for entry in self.streams.get(thread_id, []) if entry.place >= place]
        return following[: self.page_length + 1]

    async def last(self, thread_id: str) -> Place:
        await asyncio.sleep(0)
        self._must_be_up()
        stream = self.streams.get(thread_id)
        return stream[-1].place if stream else BEGINNING

    async def news(self, places: Mapping[str, Place], seconds: float) -> dict[str, list[StreamEntry]]:
        await asyncio.sleep(0)
        self.readings += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.down and not self._after(places):
                    await self.written.wait()
        self._must_be_up()
        return self._after(places)

    def _after(self, places: Mapping[str, Place]) -> dict[str, list[StreamEntry]]:
        found = {
            thread: [entry for entry in self.streams.get(thread, []) if entry.place > place]
            for thread, place in places.items()
        }
        return {thread: entries[: self.page_length] for thread, entries in found.items() if entries}

    def _must_be_up(self) -> None:
        if self.down:
            raise TryAgain("Dragonfly is down")


def completes(output: str = "done") -> Act:
    """It comes to its end at once."""

    async def act(_: FakeRun) -> Result:
        return Completed(output, {"messages": []})

    return act


def interrupts(*questions: object) -> Act:
    """It waits for a person's answer."""

    async def act(_: FakeRun) -> Result:
        return Interrupted(list(questions))

    return act


def fails(error: BaseException) -> Act:
    """A node raises."""

    async def act(_: FakeRun) -> Result:
        raise error

    return act


def until(event: asyncio.Event) -> Act:
    """A step that ends when the event comes, then there is another one; a drain stops between the two."""

    async def act(run: FakeRun) -> Result:
        await event.wait()
        if run.draining.is_set():
            raise Drained
        return Completed("done", {})

    return act


def until_drained() -> Act:
    """One short step after another, for ever."""

    async def act(run: FakeRun) -> Result:
        await run.draining.wait()
        raise Drained

    return act


def hangs() -> Act:
    """A step that never ends."""

    async def act(_: FakeRun) -> Result:
        await asyncio.Event().wait()
        raise AssertionError

    return act


def deaf() -> Act:
    """A step that clears up a while after it was cancelled."""

    async def act(_: FakeRun) -> Result:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return Completed("after all", {})

    return act
