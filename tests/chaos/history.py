"""What was asked, what was done to the service, and what came of it: values that the invariants judge."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

TERMINAL = frozenset({"completed", "failed", "cancelled"})
WORKER_FAULTS = frozenset({"kill", "point", "pause"})
GATE_FAULTS = frozenset({"cut", "slow", "hold"})
SERVERS = ("nats", "postgres", "dragonfly")
OUTAGE = "outage"  # of the provider
AWAKE = 10.0  # seconds after a pause in which the one call that was under way may come
Kind = Literal["right", "again", "wrong", "refused", "late"]  # `wrong` is an answer of which only the graph can tell


@dataclass(frozen=True)
class Asked:
    """A job that was asked for, and what must become of it.

    `steps` are the calls of the model that it takes, `asks` how many questions it asks people each time, `place` its
    first message's place in the stream, None where it came by HTTP, `letters` the reasons of its dead letters,
    `subject` what its events call it.
    """

    job: str
    thread: str
    steps: int
    word: str = "completed"
    letters: tuple[str, ...] = ()
    place: int | None = None
    at: float = 0.0
    subject: str = ""
    asks: tuple[int, ...] = ()

    @property
    def about(self) -> str:
        """The subject of its events."""
        return self.subject or self.job


@dataclass(frozen=True)
class Call:
    """A call of the model; `step` counts the replies that the job had had by then."""

    at: float
    worker: str
    job: str
    step: int
    refused: bool = False


@dataclass(frozen=True)
class Fact:
    """A message of the status stream; `told` is the conversation of a result: jobs and how many replies each got.

    `said` are the words of answers in a result, `asked` the ids of questions, `sorry` that an answer was wrong.
    """

    at: float
    id: str
    word: str
    about: str
    told: tuple[tuple[str, int], ...] | None = None
    attempts: int | None = None
    said: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    sorry: bool = False


@dataclass(frozen=True)
class Answer:
    """A person's answer to some questions, and its HTTP status; `changed` is that it changed what the job shows."""

    at: float
    job: str
    kind: Kind
    status: int
    questions: tuple[str, ...]
    words: tuple[str, ...] = ()
    changed: bool = False


@dataclass(frozen=True)
class Entry:
    """An entry of a thread's stream in Dragonfly."""

    job: str
    type: str


@dataclass(frozen=True)
class Live:
    """A thread's stream in Dragonfly, and the seconds until it is gone: negative for never, or not there."""

    entries: Sequence[Entry]
    ttl: int


@dataclass(frozen=True)
class Fault:
    """What was done, from when to when; `target` is a worker, a server, or `worker>server` for connections."""

    kind: str
    target: str
    at: float
    until: float

    def overlaps(self, start: float, end: float) -> bool:
        """Whether it was in force at any moment between."""
        return self.at <= end and self.until >= start

    def hits(self, worker: str) -> bool:
        """Whether a step that this worker ran may have been lost by it."""
        if self.kind in GATE_FAULTS:
            return self.target.partition(">")[0] == worker
        return self.target in SERVERS or (self.kind in WORKER_FAULTS and self.target == worker)

    def touches(self, server: str) -> bool:
        """Whether it kept clients from this server."""
        return self.target == server or self.target.endswith(f">{server}")


@dataclass(frozen=True)
class Exit:
    """How a worker ended; `cause` is the fault, or `itself`."""

    worker: str
    cause: str
    status: int
    at: float = 0.0


@dataclass(frozen=True)
class Vital:
    """A worker's memory in MB and its descriptors at a moment."""

    at: float
    worker: str
    memory: float
    descriptors: int


@dataclass(frozen=True)
class History:
    """All that is judged. `rest` counts what should be nothing at the end, `shown` is the word of `GET /jobs`."""

    asked: Sequence[Asked] = ()
    calls: Sequence[Call] = ()
    facts: Sequence[Fact] = ()
    answers: Sequence[Answer] = ()
    letters: Sequence[tuple[str, str]] = ()
    faults: Sequence[Fault] = ()
    exits: Sequence[Exit] = ()
    vitals: Sequence[Vital] = ()
    leaks: Sequence[str] = ()
    bugs: Sequence[str] = ()
    rest: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, Live] = field(default_factory=dict)

    def terminal(self) -> Iterator[Fact]:
        """The events that end a job."""
        return (fact for fact in self.facts if fact.word in TERMINAL)

    def calls_of_jobs(self) -> dict[str, list[Call]]:
        """The calls of each job, in their order."""
        calls: dict[str, list[Call]] = defaultdict(list)
        for call in sorted(self.calls, key=lambda call: call.at):
            calls[call.job].append(call)
        return calls
