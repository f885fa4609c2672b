"""Answers that are kept: to which requests, and how many."""

import asyncio
import random
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from prometheus_client import CollectorRegistry

from function.fn import run
from function.server import answers
from function.server.answers import Answer, Answers
from function.server.metrics import Metrics
from function.server.runner import FunctionRunner
from tests.unit.function.simulation import SimulatedCluster, serialized

COMPOSITE = {"metadata": {"name": "support", "namespace": "team-a"}, "spec": {"image": "app"}}


def test_the_same_request_in_whichever_order_its_maps_come_gets_the_same_answer_object() -> None:
    asked = settled()
    encoded = {shuffled(asked, random.Random(seed)) for seed in range(20)}  # noqa: S311 - any order will do
    assert len(encoded) == 20
    given = [answer_to(fnv1.RunFunctionRequest.FromString(content)) for content in encoded]
    assert given == [serialized(run(asked))] * 20
    assert all(each is given[0] for each in given)


@pytest.mark.parametrize(
    "other",
    [
        {"required_resources": {"Secret/support-postgres": fnv1.Resources()}},
        {"meta": {"tag": "u"}},
        {"meta": {"capabilities": [fnv1.CAPABILITY_CAPABILITIES]}},
        {"context": Struct(fields={"theirs": Value(string_value="x")})},
        {"desired": {"resources": {"theirs": {"ready": fnv1.READY_TRUE}}}},
        {"observed": {"resources": {"deployment": {}}}},
        {"credentials": {"theirs": {"credential_data": {"data": {"key": b"x"}}}}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_requests_of_one_tag_that_differ_in_anything_get_each_their_own_answer(other: dict[str, Any]) -> None:
    """All rounds of one reconcile have one tag: what a function requires comes into the request later."""
    first, second = requested(), requested()
    second.MergeFrom(fnv1.RunFunctionRequest(**other))
    assert answers.key(first) != answers.key(second)
    assert [answer_to(first), answer_to(second)] == [serialized(run(first)), serialized(run(second))]


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    kept = Answers(most=2)
    kept.keep(b"1", ANSWER)
    kept.keep(b"2", ANSWER)
    assert kept.find(b"1") == ANSWER
    kept.keep(b"3", ANSWER)
    assert [kept.find(key) for key in (b"1", b"2", b"3")] == [ANSWER, None, ANSWER]


def test_the_bytes_that_are_kept_have_a_bound_and_what_is_larger_alone_is_not_kept() -> None:
    kept = Answers(most_bytes=5)
    kept.keep(b"1", Answer("composed", b"12"))
    kept.keep(b"2", Answer("composed", b"34"))
    kept.keep(b"3", Answer("composed", b"56"))
    assert [kept.find(key) is None for key in (b"1", b"2", b"3")] == [True, False, False]
    kept.keep(b"4", Answer("composed", b"123456"))
    assert [kept.find(key) for key in (b"2", b"3", b"4")] == [None, None, None]
    kept.keep(b"5", Answer("composed", b"12345"))
    assert kept.find(b"5") == Answer("composed", b"12345")


def test_an_answer_that_was_kept_counts_as_what_it_is() -> None:
    registry = CollectorRegistry()
    runner = FunctionRunner(Metrics(registry), Answers())
    for asked in (requested(), requested(), fnv1.RunFunctionRequest(), fnv1.RunFunctionRequest()):
        asyncio.run(runner.RunFunction(asked, None))
    name = "function_agent_executor_calls_total"
    counted = {outcome: registry.get_sample_value(name, {"outcome": outcome}) for outcome in ("composed", "refused")}
    assert counted == {"composed": 2.0, "refused": 2.0}


ANSWER = Answer("composed", b"an answer")
RUNNER = FunctionRunner(Metrics(CollectorRegistry()), Answers())


def answer_to(asked: fnv1.RunFunctionRequest) -> bytes:
    return asyncio.run(RUNNER.RunFunction(asked, None))


def requested() -> fnv1.RunFunctionRequest:
    asked = fnv1.RunFunctionRequest(meta={"tag": "t"})
    asked.observed.composite.resource.update(COMPOSITE)
    return asked


def settled() -> fnv1.RunFunctionRequest:
    cluster = SimulatedCluster({"image": "app"})
    cluster.settle()
    return cluster.request({})


def shuffled(message: Message, order: random.Random) -> bytes:
    """The message as Go writes it, which goes through maps in any order: fields are joined one after the other."""
    parts = []
    for descriptor, value in message.ListFields():
        if descriptor.message_type and descriptor.message_type.GetOptions().map_entry:
            entries = [_entry(descriptor.number, key, value[key], order) for key in value]
            order.shuffle(entries)
            parts += entries
        elif descriptor.message_type and not descriptor.is_repeated:
            parts.append(_field(descriptor.number, shuffled(value, order)))
        elif descriptor.message_type:
            parts += [_field(descriptor.number, shuffled(each, order)) for each in value]
        else:
            alone = type(message)()
            if descriptor.is_repeated:
                getattr(alone, descriptor.name).extend(value)
            else:
                setattr(alone, descriptor.name, value)
            parts.append(alone.SerializeToString())
    return b"".join(parts)


def _entry(number: int, key: str, value: Any, order: random.Random) -> bytes:
    content = shuffled(value, order) if isinstance(value, Message) else value
    return _field(number, _field(1, key.encode()) + _field(2, content))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
