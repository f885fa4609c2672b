"""What follows from an attempt that failed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.errors import LeaseLost, Rejected, TryAgain
from executor.jobs.verdict import (
    FIRST_DELAY,
    LONGEST_DELAY,
    Failure,
    GiveUp,
    Retry,
    delay,
    judge,
    worker_lost,
)

JITTER = Random(1)  # noqa: S311 - spreads retries, guards nothing


class ProviderError(Exception):
    """As the clients of OpenAI and Anthropic make them."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code


@pytest.mark.parametrize("attempt", [1, 5])
def test_what_the_sender_got_wrong_ends_at_once(attempt):
    error = Rejected("unknown_tool", "nodes[0]: no such tool")
    assert judge(error, attempt, 5, JITTER) == Failure(
        "unknown_tool", "unknown_tool", "nodes[0]: no such tool", retryable=False
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_the_model_refuses_ends_at_once(status):
    assert judge(ProviderError(status), 1, 5, JITTER) == Failure(
        "model_refused", "ProviderError", f"status {status}", retryable=False
    )


@pytest.mark.parametrize(
    "error", [TryAgain("busy"), ProviderError(429), ProviderError(500), ValueError("x"), KeyError(), TimeoutError()]
)
def test_anything_else_is_tried_again_until_the_last_attempt(error):
    verdict = judge(error, 4, 5, JITTER)
    assert isinstance(verdict, Retry)
    assert verdict.cause == repr(error)
    assert judge(error, 5, 5, JITTER) == Failure(
        "exhausted", type(error).__name__, str(error) or repr(error), retryable=True
    )


class Silent(Exception):
    """It cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def test_an_error_that_cannot_be_shown_is_told_by_its_class():
    assert judge(Silent(), 5, 5, JITTER) == Failure("exhausted", "Silent", "<Silent>", retryable=True)
    assert judge(Silent(), 1, 5, Random(1)) == Retry(delay(1, Random(1)), "<Silent>")  # noqa: S311 - as above


def test_who_lost_the_lease_says_nothing():
    assert judge(LeaseLost("j"), 5, 5, JITTER) == GiveUp()


def test_a_job_that_kills_its_workers_is_exhausted():
    assert worker_lost(5) == Failure(
        "exhausted", "worker_lost", "its worker died in each of 5 attempts", retryable=True
    )


@given(attempt=st.integers(1, 100), seed=st.integers())
def test_delays_double_up_to_a_minute_and_differ_between_jobs(attempt, seed):
    after = delay(attempt, Random(seed))  # noqa: S311 - as above
    assert FIRST_DELAY <= after <= LONGEST_DELAY
    assert min(LONGEST_DELAY, 2**attempt) / 2 <= after <= 2**attempt
