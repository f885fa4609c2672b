"""What follows from an attempt that failed. Pure."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from executor.errors import GateClosed, LeaseLost, Rejected, StepLimit
from executor.jobs import faults
from executor.jobs.claims import Tries
from executor.values import text

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
EXHAUSTED = "exhausted"


@dataclass(frozen=True)
class Limits:
    """How often a step is tried, and for how many seconds where only the world is at fault."""

    attempts: int
    seconds: float


@dataclass(frozen=True)
class Retry:
    """The job comes again after so many seconds."""

    after: float
    cause: str


@dataclass(frozen=True)
class Postpone:
    """The world is at fault: the job waits so many seconds in the ledger, and no attempt is spent on its step.

    `gate` names the provider's gate that turned it away before anything was tried.
    """

    after: float
    cause: str
    gate: str | None = None


@dataclass(frozen=True)
class AskAgain:
    """The step that took a person's answer failed by it: the question is asked again, and no attempt is spent."""

    type: str
    message: str


@dataclass(frozen=True)
class Failure:
    """The job has failed for good; `reason` is the last token of the dead letter's subject."""

    reason: str
    type: str
    message: str
    retryable: bool


@dataclass(frozen=True)
class Superseded:
    """Somebody else has the job: say nothing."""


Verdict = Retry | Postpone | AskAgain | Failure | Superseded


def judge(  # noqa: PLR0913 - all that decides
    error: BaseException, tries: Tries, limits: Limits, *, answered: bool, now: datetime, jitter: Random
) -> Verdict:
    """Whose fault it is decides: the sender's ends the job, the world's is waited for, any other is tried again.

    `answered` is that the attempt took a person's answer: an error before it committed a step is the answer's.
    """
    match error:
        case LeaseLost():
            return Superseded()
        case Rejected():
            return rejection(error)
        case StepLimit():
            return Failure("recursion_limit", "GraphRecursionError", str(error), retryable=False)
    if faults.is_refusal(error):
        return Failure("model_refused", type(error).__name__, text(error), retryable=False)
    if faults.is_worlds(error):
        return _wait(error, tries, limits, now, jitter)
    return _own(error, tries, limits, jitter, answered=answered)


def _own(error: BaseException, tries: Tries, limits: Limits, jitter: Random, *, answered: bool) -> Verdict:
    if answered and not tries.advanced:
        return AskAgain(type(error).__name__, text(error) or text(error, repr))
    if tries.attempt >= limits.attempts:
        return _exhausted(error)
    return Retry(delay(tries.attempt, jitter), text(error, repr))


def _wait(error: BaseException, tries: Tries, limits: Limits, now: datetime, jitter: Random) -> Verdict:
    """Wait as long again as the fault has lasted, from 1 to 60 seconds, or as long as the provider says."""
    left = limits.seconds - tries.fault
    if left <= 0:
        return _exhausted(error)
    if isinstance(error, GateClosed):
        return Postpone(min(error.after, left), str(error), error.gate)
    asked = faults.retry_after(error, now)
    if asked is not None and asked > left:
        return _exhausted(error, f" (it asks to wait {asked:.0f} s, and {left:.0f} s are left to wait)")
    longest = min(max(tries.fault, FIRST_DELAY), LONGEST_DELAY)
    after = max(jitter.uniform(longest / 2, longest), FIRST_DELAY, asked or 0.0)
    return Postpone(min(after, left), text(error, repr))


def _exhausted(error: BaseException, more: str = "") -> Failure:
    kind = error.cause if isinstance(error, GateClosed) else type(error).__name__
    return Failure(EXHAUSTED, kind, (text(error) or text(error, repr)) + more, retryable=True)


def rejection(error: Rejected) -> Failure:
    """The end of what the sender got wrong."""
    return Failure(error.reason, error.reason, str(error), retryable=False)


def expired(moment: datetime) -> Failure:
    """The end of a job whose time was over before it could begin."""
    return Failure("expired", "expired", f"expirytime: {moment.isoformat()} is over", retryable=False)


def worker_lost(attempts: int) -> Failure:
    """The end of a job whose every attempt took its worker down."""
    return Failure(EXHAUSTED, "worker_lost", f"its worker died in each of {attempts} attempts", retryable=True)


def orphaned() -> Failure:
    """The end of a job that lost its worker and then its message."""
    message = "its worker died, and its message left the stream before another worker took it"
    return Failure(EXHAUSTED, "worker_lost", message, retryable=True)


def delay(attempt: int, jitter: Random) -> float:
    """Seconds before the next attempt: doubling from 1 to 60, the upper half at random so that jobs spread."""
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2**attempt)
    return max(FIRST_DELAY, jitter.uniform(longest / 2, longest))
