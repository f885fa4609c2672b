"""Claims: the right to work on a job, how an attempt of it stands, and why nobody may have it now. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.answers import Question
from executor.jobs.job import Identity, Message, Origin

FREE = frozenset({"answer", "rollout"})


@dataclass(frozen=True)
class Applicant:
    """A job for which somebody wants a claim, not before its time, the message that asked for it, and what it runs."""

    job: Identity
    origin: Origin
    not_before: datetime | None = None
    resolved: Resolved = UNRESOLVED


@dataclass(frozen=True)
class Claim:
    """The right to work on a job until the lease ends.

    `attempt` is how often the step that it is at was tried, this time included, `total` how often the job was, but for
    answers and rollouts, and `spared` why the claim is no attempt of the step (`answer`, `rollout`, `fault`). `steps`
    are those that it has committed, `fault` seconds since the world began to fail it. `elapsed` is seconds since its
    first attempt began, `at` the database's time, `cancelling` that somebody asked for its end, `questions` what it has
    asked people, `replay` which dead letter it came back from, `fresh` that its thread is known to have no checkpoint.
    `resolved` is what it runs, as it was found when it was accepted, without the text.
    """

    job_id: str
    epoch: int
    attempt: int
    elapsed: float
    at: datetime
    cancelling: bool = False
    replay: int = 0
    fresh: bool = False
    total: int = 1
    spared: str | None = None
    steps: int = 0
    fault: float | None = None
    questions: tuple[Question, ...] = ()
    resolved: Resolved = UNRESOLVED

    @property
    def is_retry(self) -> bool:
        """Whether it is an attempt after one that failed; what an answer or a rollout causes is none."""
        return self.total > 1 and self.spared not in FREE

    @property
    def answers(self) -> dict[str, Any]:
        """People's answers by the ids of their questions."""
        return {question.id: question.answer for question in self.questions if question.answered}

    def turn_of(self, question_id: str) -> int:
        """Which turn a question that is asked now is in: the next one where it was answered."""
        known = next((question for question in self.questions if question.id == question_id), None)
        return known.turn + known.answered if known else 1


@dataclass(frozen=True)
class Tries:
    """How an attempt that failed stands: of its step, in all, and the seconds for which the world has failed it.

    `advanced` is that it has committed a step.
    """

    attempt: int
    total: int
    fault: float = 0.0
    advanced: bool = False


@dataclass(frozen=True)
class Busy:
    """Another worker has the job; ask again after so many seconds."""

    after: float


@dataclass(frozen=True)
class Blocked:
    """A job of the same thread comes first."""


@dataclass(frozen=True)
class Parked:
    """A job of the same thread comes first, and this one waits for it in the ledger."""


@dataclass(frozen=True)
class Early:
    """The job is not due yet."""


@dataclass(frozen=True)
class Wake:
    """A job that need not wait any more; `wakes` counts how often that was so."""

    job_id: str
    wakes: int


@dataclass(frozen=True)
class GoesOn:
    """A job with which its thread goes on; for so many seconds it is still another's, or not due."""

    job_id: str
    after: float


@dataclass(frozen=True)
class Waiting:
    """A job that waits in the ledger, and the message that asked for it."""

    sequence: int | None
    origin: Origin


@dataclass(frozen=True)
class Finished:
    """The job has its outcome; `unpublished` is what the broker may not have yet."""

    status: str
    attempts: int
    unpublished: tuple[Message, ...]


@dataclass(frozen=True)
class Conflict:
    """The id belongs to a job with other content."""


NotClaimed = Busy | Blocked | Early | Finished | Conflict  # why a job was not claimed
