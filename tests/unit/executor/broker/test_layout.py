"""What lies on the broker."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.broker.layout import Consumer, Layout, Stream, layout, overlap
from executor.settings import DAY, NatsSettings

ENVIRONMENT = {"NATS_URL": "nats://n:4222", "NATS_STREAM_NAME": "AGENT_EXECUTION", "NATS_CONSUMER_GROUP": "workers"}
SETTING = "EXECUTOR_SUBJECT_PREFIX (streams.subjectPrefix in the claim)"


def test_the_default_layout_is_the_contracts():
    assert layout(NatsSettings.read(ENVIRONMENT)) == Layout(
        streams=(
            Stream("AGENT_EXECUTION", ("agent.execute.*",), DAY, SETTING, replicas=1),
            Stream("AGENT_STATUS", ("agent.status.*",), DAY, SETTING, replicas=1),
            Stream("AGENT_DLQ", ("agent.dlq.*",), 30 * DAY, SETTING, replicas=1),
        ),
        consumer=Consumer("workers", "AGENT_EXECUTION", "agent.execute.*", 15, 10_000, -1),
    )


def test_another_stream_and_prefix_name_everything():
    other = ENVIRONMENT | {"NATS_STREAM_NAME": "X", "EXECUTOR_SUBJECT_PREFIX": "a.b", "EXECUTOR_STREAM_REPLICAS": "3"}
    wanted = layout(NatsSettings.read(other))
    assert [(stream.name, stream.subjects, stream.replicas) for stream in wanted.streams] == [
        ("X", ("a.b.execute.*",), 3),
        ("X_STATUS", ("a.b.status.*",), 3),
        ("X_DLQ", ("a.b.dlq.*",), 3),
    ]
    assert wanted.consumer == Consumer("workers", "X", "a.b.execute.*")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "*.b", True),
        ("a.*", "a", False),
        ("a.>", "a", False),
        ("a.>", "a.b.c", True),
        (">", "a", True),
        ("a.*.c", "a.b.>", True),
        ("a.b", "a.b.c", False),
    ],
)
def test_subjects_overlap_by_natss_wildcards(one, other, expected):
    assert overlap(one, other) is expected


TOKENS = st.sampled_from(["a", "b", "*"])
patterns = st.tuples(st.lists(TOKENS, max_size=3), st.booleans()).map(lambda pattern: [*pattern[0], *">" * pattern[1]])
SUBJECTS = [subject for length in range(1, 6) for subject in itertools.product("abc", repeat=length)]


def matches(pattern, subject):
    """The server's own rule, on tokens."""
    for place, token in enumerate(pattern):
        if token == ">":
            return len(subject) > place
        if place >= len(subject) or token not in ("*", subject[place]):
            return False
    return len(subject) == len(pattern)


@given(one=patterns.filter(bool), other=patterns.filter(bool))
def test_patterns_overlap_exactly_where_one_subject_matches_both(one, other):
    both = any(matches(one, subject) and matches(other, subject) for subject in SUBJECTS)
    assert overlap(".".join(one), ".".join(other)) is both
    assert overlap(".".join(other), ".".join(one)) is both


def test_a_consumer_meets_whoever_filters_the_same_messages():
    consumer = Consumer("w", "S", "agent.execute.*")
    assert consumer.meets(("other.>", "agent.execute.http"))
    assert consumer.meets((">",))
    assert not consumer.meets(("agent.status.*",))
    assert not replace(consumer, filter_subject="b.execute.*").meets(("agent.execute.*",))
