"""The words of the domain, as values: a job, the right to work on it, how it ended, what must be said about it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Identity:
    """What makes two messages the same job; `digest` tells two contents under one id apart."""

    job_id: str
    thread_id: str
    digest: bytes


@dataclass(frozen=True)
class JobRequest:
    """A job that somebody asked for."""

    job_id: str
    thread_id: str
    agent_definition: dict[str, Any] = field(repr=False)
    input_payload: dict[str, Any] = field(repr=False)
    trace_id: str | None = None
    traceparent: str | None = None

    @property
    def identity(self) -> Identity:
        """The digest is SHA-256 over what the job does: its thread, definition and input."""
        content = [self.thread_id, self.agent_definition, self.input_payload]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        return Identity(self.job_id, self.thread_id, digest)


@dataclass(frozen=True)
class Completed:
    """The graph came to its end."""

    output: str | None
    final_state: Any


@dataclass(frozen=True)
class Interrupted:
    """The graph waits for a person's answer."""

    interrupts: list[Any]


Result = Completed | Interrupted


@dataclass(frozen=True)
class Claim:
    """The right to work on a job until the lease ends; `elapsed` is seconds since its first attempt began."""

    job_id: str
    epoch: int
    attempt: int
    elapsed: float


@dataclass(frozen=True)
class Busy:
    """Another worker has the job or its thread; ask again after so many seconds."""

    after: float


@dataclass(frozen=True)
class Message:
    """A message to publish; `id` makes publishing it again harmless."""

    id: str
    subject: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Finished:
    """The job has its outcome; `unpublished` is what the broker may not have yet."""

    status: str
    unpublished: tuple[Message, ...]


@dataclass(frozen=True)
class Conflict:
    """The id belongs to a job with other content."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended, or that it waits for a person; and the messages that say so."""

    status: str
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    messages: tuple[Message, ...]
    duration_ms: int | None = None


@dataclass(frozen=True)
class Job:
    """A job as people see it."""

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
