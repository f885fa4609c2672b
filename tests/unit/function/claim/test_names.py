"""Names end legal, short enough and distinct, and stay as they are where they can."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.claim import names

CLAIM_NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){0,2}", fullmatch=True
)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("agent-executor",), "agent-executor"),
        (("agent-executor", "streams", "0a1b2c3d"), "agent-executor-streams-0a1b2c3d"),
        (("a" * 63,), "a" * 63),
        (("a" * 64,), "a" * 54 + "-" + names.digest("a" * 64)),
        (("a.b",), "a-b-" + names.digest("a.b")),
        (("7up",), "x7up-" + names.digest("7up")),
        (("a" * 53 + "-b" * 6,), "a" * 53 + "-" + names.digest("a" * 53 + "-b" * 6)),
    ],
)
def test_a_label_keeps_what_is_legal_and_hashes_the_rest(parts: tuple[str, ...], expected: str) -> None:
    assert names.label(*parts) == expected


@given(CLAIM_NAMES, CLAIM_NAMES)
def test_labels_of_any_claims_are_legal_and_distinct(one: str, other: str) -> None:
    labels = names.label(one), names.label(other)
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", label) for label in labels)
    assert (labels[0] == labels[1]) is (one == other)


def test_a_subdomain_keeps_dots_and_is_shortened_at_its_own_limit() -> None:
    long = "a" * 250
    assert names.subdomain("a.b", "postgres") == "a.b-postgres"
    assert names.subdomain(long, "postgres") == "a" * 244 + "-" + names.digest(f"{long}-postgres")


def test_a_consumer_has_no_dots_and_may_be_longer_than_a_label() -> None:
    long = "a" * 63
    assert names.consumer(long, "workers") == f"{long}-workers"
    assert names.consumer("a.b", "workers") == "a-b-workers-" + names.digest("a.b-workers")


def test_a_digest_depends_on_the_value_and_not_on_the_order_of_its_keys() -> None:
    assert names.digest({"a": 1, "b": 2}) == names.digest({"b": 2, "a": 1})
    assert names.digest({"a": 1}) != names.digest({"a": 2})
