"""What follows from an attempt that failed."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.errors import GateClosed, LeaseLost, Rejected, StepLimit, TryAgain
from executor.jobs.claims import Tries
from executor.jobs.verdict import (
    FIRST_DELAY,
    LONGEST_DELAY,
    AskAgain,
    Failure,
    Limits,
    Postpone,
    Retry,
    Superseded,
    delay,
    worker_lost,
)
from executor.jobs.verdict import judge as decide

JITTER = Random(1)  # noqa: S311 - spreads retries, guards nothing
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(attempts=5, seconds=3600)


class Response:
    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ProviderError(Exception):
    """As the clients of OpenAI and Anthropic make them."""

    def __init__(self, status_code: int, code: str | None = None, **headers: str) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code
        self.code = code
        self.response = Response(**headers)


class TransportError(Exception):
    """As httpx's, and those of its kin, are called."""


def judge(error, attempt=1, *, fault=0.0, advanced=False, answered=False):
    tries = Tries(attempt, attempt, fault, advanced)
    return decide(error, tries, LIMITS, answered=answered, now=NOW, jitter=JITTER)


def lost_connection():
    error = RuntimeError("no connection")
    error.__cause__ = TransportError("reset")
    return error


@pytest.mark.parametrize("attempt", [1, 5])
def test_what_the_sender_got_wrong_ends_at_once(attempt):
    error = Rejected("unknown_tool", "nodes[0]: no such tool")
    assert judge(error, attempt) == Failure("unknown_tool", "unknown_tool", "nodes[0]: no such tool", retryable=False)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_what_the_model_refuses_ends_at_once(status):
    assert judge(ProviderError(status)) == Failure(
        "model_refused", "ProviderError", f"status {status}", retryable=False
    )


def test_a_quota_that_is_used_up_is_a_bill_that_is_not_paid():
    error = ProviderError(429, code="insufficient_quota")
    assert judge(error) == Failure("model_refused", "ProviderError", "status 429", retryable=False)


def test_a_limit_of_steps_ends_at_once():
    assert judge(StepLimit("25")) == Failure("recursion_limit", "GraphRecursionError", "25", retryable=False)


OWN = [ValueError("x"), KeyError(), ProviderError(418)]
WORLDS = [
    *(ProviderError(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    TimeoutError(), ConnectionResetError(), TryAgain("busy"), TransportError(), lost_connection(),
]  # fmt: skip


@pytest.mark.parametrize("error", OWN)
def test_a_graphs_own_error_is_tried_again_until_the_last_attempt_of_its_step(error):
    verdict = judge(error, 4)
    assert isinstance(verdict, Retry)
    assert verdict.cause == repr(error)
    assert judge(error, 5) == Failure("exhausted", type(error).__name__, str(error) or repr(error), retryable=True)


@pytest.mark.parametrize("error", WORLDS)
def test_the_worlds_faults_spend_time_and_no_attempts(error):
    verdict = judge(error, 99, fault=3599.0)
    assert verdict == Postpone(1.0, repr(error))
    assert judge(error, 1, fault=3600.0) == Failure(
        "exhausted", type(error).__name__, str(error) or repr(error), retryable=True
    )


@given(fault=st.floats(0, 3500))
def test_the_world_is_waited_for_as_long_again_as_it_has_failed_up_to_a_minute(fault):
    verdict = judge(ProviderError(503), fault=fault)
    assert isinstance(verdict, Postpone)
    assert FIRST_DELAY <= verdict.after <= LONGEST_DELAY
    assert min(fault, LONGEST_DELAY) / 2 <= verdict.after <= max(fault, FIRST_DELAY)


@pytest.mark.parametrize("asked", ["120", format_datetime(NOW + timedelta(seconds=120), usegmt=True)])
def test_what_the_provider_asks_to_wait_is_waited(asked):
    assert judge(ProviderError(429, retry_after=asked)) == Postpone(120.0, repr(ProviderError(429)))


@pytest.mark.parametrize("asked", ["soon", "-1", "nan", "inf", ""])
def test_what_is_no_time_to_wait_is_not_heeded(asked):
    assert judge(ProviderError(429, retry_after=asked)) == Postpone(1.0, repr(ProviderError(429)))


def test_a_wait_beyond_what_is_left_ends_at_once_and_says_so():
    assert judge(ProviderError(429, retry_after="100"), fault=3550.0) == Failure(
        "exhausted", "ProviderError", "status 429 (it asks to wait 100 s, and 50 s are left to wait)", retryable=True
    )


def test_who_comes_to_a_closed_gate_waits_for_its_next_probe_but_never_beyond_what_is_left():
    error = GateClosed("openai gpt", 30.0, "RateLimitError")
    assert judge(error) == Postpone(30.0, str(error), "openai gpt")
    assert judge(error, fault=3590.0) == Postpone(10.0, str(error), "openai gpt")
    assert judge(error, fault=3600.0) == Failure("exhausted", "RateLimitError", str(error), retryable=True)


@pytest.mark.parametrize("attempt", [1, 5])
def test_an_error_of_the_step_that_took_an_answer_is_the_answers(attempt):
    assert judge(ValueError("no date"), attempt, answered=True) == AskAgain("ValueError", "no date")


def test_after_a_later_step_the_answer_is_not_to_blame_and_the_world_never_blames_it():
    assert isinstance(judge(ValueError("x"), answered=True, advanced=True), Retry)
    assert isinstance(judge(ProviderError(503), answered=True), Postpone)


class Silent(Exception):
    """It cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def test_an_error_that_cannot_be_shown_is_told_by_its_class():
    assert judge(Silent(), 5) == Failure("exhausted", "Silent", "<Silent>", retryable=True)
    verdict = judge(Silent(), 1)
    assert isinstance(verdict, Retry)
    assert verdict.cause == "<Silent>"


def test_who_lost_the_lease_says_nothing():
    assert judge(LeaseLost("j"), 5) == Superseded()


def test_a_job_that_kills_its_workers_is_exhausted():
    assert worker_lost(5) == Failure(
        "exhausted", "worker_lost", "its worker died in each of 5 attempts", retryable=True
    )


@given(attempt=st.integers(1, 100), seed=st.integers())
def test_delays_double_up_to_a_minute_and_differ_between_jobs(attempt, seed):
    after = delay(attempt, Random(seed))  # noqa: S311 - as above
    assert FIRST_DELAY <= after <= LONGEST_DELAY
    assert min(LONGEST_DELAY, 2**attempt) / 2 <= after <= 2**attempt
