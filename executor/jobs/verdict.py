"""What follows from an attempt that failed. Pure."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from executor.errors import LeaseLost, Rejected
from executor.values import text

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
EXHAUSTED = "exhausted"

PERMANENT_STATUS = frozenset({400, 401, 403, 404, 422})


@dataclass(frozen=True)
class Retry:
    """The job comes again after so many seconds."""

    after: float
    cause: str


@dataclass(frozen=True)
class Failure:
    """The job has failed for good; `reason` is the last token of the dead letter's subject."""

    reason: str
    type: str
    message: str
    retryable: bool


@dataclass(frozen=True)
class GiveUp:
    """Somebody else has the job: say nothing."""


Verdict = Retry | Failure | GiveUp


def judge(error: BaseException, attempt: int, max_attempts: int, jitter: Random) -> Verdict:
    """The sender's fault ends the job at once; anything else is tried again, up to `max_attempts` in all."""
    if isinstance(error, LeaseLost):
        return GiveUp()
    if isinstance(error, Rejected):
        return rejection(error)
    if refused_by_model(error):
        return Failure("model_refused", type(error).__name__, text(error), retryable=False)
    if attempt >= max_attempts:
        return Failure(EXHAUSTED, type(error).__name__, text(error) or text(error, repr), retryable=True)
    return Retry(delay(attempt, jitter), text(error, repr))


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


def refused_by_model(error: BaseException) -> bool:
    """Whether a provider's HTTP client said that the request itself is wrong; they share the attribute, not a class."""
    return getattr(error, "status_code", None) in PERMANENT_STATUS
