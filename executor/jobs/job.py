"""The words of the domain, as values: a job, the right to work on it, how it ended, what must be said about it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from executor.jobs.agents import UNRESOLVED, Resolved, agent_asked
from executor.jobs.answers import Question
from executor.values import escaped

REPLAY_HEADER = "Dlq-Replay"
TERMINAL = frozenset({"completed", "failed", "cancelled"})


# Fields of a job's data that the image which landed last does not know: to it a job that has one is another job.
NEW_FIELDS = ("metadata", "checkpoint_id")
BY_NAME = "agent_definition.agent"
FEATURES = (*NEW_FIELDS, BY_NAME)  # what a pod may know of a job's data, or not


@dataclass(frozen=True)
class Identity:
    """What makes two messages the same job; `digest` tells two contents under one id apart.

    `sequence` is the place of its message in the stream, None while it has none. `metadata`, as JSON, is written down
    with it.
    """

    job_id: str
    thread_id: str
    digest: bytes
    sequence: int | None
    metadata: str | None = None


@dataclass(frozen=True)
class JobRequest:
    """A job that somebody asked for.

    It begins from the checkpoint of its thread that `checkpoint_id` names, or else where the thread stands. Only one
    that names one may have no input, and goes on from there.
    """

    job_id: str
    thread_id: str
    agent_definition: dict[str, Any] = field(repr=False)
    input_payload: dict[str, Any] | None = field(repr=False)
    trace_id: str | None = None
    traceparent: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    multitask: str = "enqueue"
    context: dict[str, Any] | None = field(default=None, repr=False)
    recursion_limit: int | None = None
    metadata: dict[str, str] | None = field(default=None, repr=False)
    checkpoint_id: str | None = None

    def identity(self, sequence: int | None = None) -> Identity:
        """The digest is SHA-256 over what the job does: its thread, definition, input and, where given, the rest."""
        rest = {name: getattr(self, name) for name in ("context", "recursion_limit", *NEW_FIELDS)}
        given = {name: value for name, value in rest.items() if value is not None}
        content = [self.thread_id, self.agent_definition, self.input_payload, *([given] if given else [])]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        noted = escaped(self.metadata) if self.metadata else None
        return Identity(self.job_id, self.thread_id, digest, sequence, noted)

    @property
    def new_fields(self) -> list[str]:
        """Those it has of FEATURES."""
        given = [name for name in NEW_FIELDS if getattr(self, name) is not None]
        return given + [BY_NAME] * (agent_asked(self.agent_definition) is not None)


@dataclass(frozen=True)
class Origin:
    """The message that asked for a job, as it came; `place` is `<stream>:<sequence>`."""

    place: str
    subject: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def replay(self) -> int | None:
        """Which dead letter the message was, where somebody replayed it."""
        given = self.headers.get(REPLAY_HEADER, "")
        return int(given) if given.isascii() and given.isdecimal() else None


@dataclass(frozen=True)
class Completed:
    """The graph came to its end."""

    output: str | None
    final_state: Any


@dataclass(frozen=True)
class Interrupted:
    """The graph waits for people; each of `interrupts` has an `id` and a `value`.

    `error` is what its own code made of the last answer, as `type` and `message`.
    """

    interrupts: list[Any]
    error: dict[str, str] | None = None


Result = Completed | Interrupted


@dataclass(frozen=True)
class CalledOff:
    """A job that was called off while no worker had it; `origin` is its message, where that was kept."""

    thread_id: str
    attempts: int
    origin: Origin | None


@dataclass(frozen=True)
class Replaced:
    """In whose place a job was written down, if in anybody's; `called` where no worker had it."""

    job_id: str | None = None
    called: CalledOff | None = None


@dataclass(frozen=True)
class Message:
    """A message to publish; `id` makes publishing it again harmless."""

    id: str
    subject: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of its body and of NATS's header block: a version line, a line each, an empty line."""
        lines = (f"{name}: {value}\r\n" for name, value in self.headers.items())
        return len(self.body) + len("NATS/1.0\r\n\r\n") + sum(len(line.encode()) for line in lines)


@dataclass(frozen=True)
class Outcome:
    """How a job ended, or that it waits for people and what it asks them; and the messages that say so.

    `size` is about how many bytes its result is as JSON, where that may be large.
    """

    status: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    messages: tuple[Message, ...]
    duration_ms: int | None = None
    questions: tuple[Question, ...] = ()
    size: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Job:
    """A job as people see it; `waiting` is for what it waits: `for` and, where that is known, `job` and `until`."""

    job_id: str
    thread_id: str
    status: str
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    waiting: dict[str, Any] | None = None
    agent: str | None = None
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list shows; what is None does not matter. Created at `since` or later, and before `until`."""

    status: str | None = None
    thread_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    tenant: str | None = None


EVERY_JOB = JobFilter()


@dataclass(frozen=True)
class Taken:
    """What keeps the submission at `index` from being written: its `field` names what is another's."""

    index: int
    field: str = "job_id"


@dataclass(frozen=True)
class Submission:
    """A job that is about to be published, and the message that will ask for it.

    `kept` is the original where it is too large to be that message itself, `resolved` what the job runs, `tenant` whose
    it is, None where tenants are not told apart.
    """

    identity: Identity
    message: Message
    kept: Origin | None = None
    resolved: Resolved = UNRESOLVED
    tenant: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes it writes."""
        return len(self.message.body) + len(self.kept.body if self.kept else b"")
