"""The state of a graph as JSON, whatever its channels hold."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.types import Interrupt
from pydantic import BaseModel, ConfigDict

from executor.agents.state import as_json, last_text
from executor.values import DEEPEST, dumps


class Colour(StrEnum):
    RED = "red"


class Model(BaseModel):
    when: datetime


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    raw: bytes | None
    when: datetime
    odd: Any = None


@dataclass
class Point:
    x: int
    inside: object = None


class Opaque:
    """It has no form."""


HELD = {"raw": None, "when": "2026-01-01T00:00:00Z", "odd": None}
ODD = {"raw": "/w==", "odd": {"b'x'": "inf"}}
POINT = {"x": 1, "inside": "/w=="}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"a": [1, 2.5, True, "x"]}, {"a": [1, 2.5, True, "x"]}),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (Colour.RED, "red"),
        (Model(when=datetime(2026, 1, 1, tzinfo=UTC)), {"when": "2026-01-01T00:00:00Z"}),
        (Point(1, Point(2)), {"x": 1, "inside": {"x": 2, "inside": None}}),
        (Point, "<class 'test_state.Point'>"),
        (b"\xff", "/w=="),
        ([bytearray(b"abc"), memoryview(b"abc")], ["YWJj", "YWJj"]),
        (Holder(raw=b"abc", when=datetime(2026, 1, 1, tzinfo=UTC)), HELD | {"raw": "YWJj"}),
        (Holder(raw=b"\xff", when=datetime(2026, 1, 1, tzinfo=UTC), odd={b"x": math.inf}), HELD | ODD),
        (Holder(raw=None, when=datetime(2026, 1, 1, tzinfo=UTC), odd=Opaque), HELD | {"odd": str(Opaque)}),
        ([Point(1, b"\xff"), {"deep": [Model.model_construct(when=b"\xff")]}], [POINT, {"deep": [{"when": "/w=="}]}]),
        (HumanMessage([{"type": "file", "data": b"\xff"}]).content, [{"type": "file", "data": "/w=="}]),
        ({(1, 2): 3, None: 4, b"k": 5}, {"(1, 2)": 3, "None": 4, "b'k'": 5}),
        (float("nan"), "nan"),
        ([2**70, 10**5000], [2**70, "<int>"]),
        ([float("inf"), -float("inf")], ["inf", "-inf"]),
    ],
)
def test_whatever_has_a_form_as_json_gets_it_and_the_rest_its_text(value, expected):
    found = as_json(value)
    assert str(found).replace(__name__, "test_state") == str(expected).replace(__name__, "test_state")


def test_a_number_of_a_librarys_own_is_a_number():
    class Own(float):
        """As NumPy has them."""

    assert type(as_json(Own(0.5))) is float


def test_messages_are_in_langchains_dict_form():
    message = as_json({"messages": [HumanMessage("hi", id="1")]})["messages"][0]
    assert message["type"] == "human"
    assert (message["data"]["content"], message["data"]["id"]) == ("hi", "1")


class Evil(BaseModel):
    """Whatever is asked of it, it raises."""

    def __str__(self):
        raise RuntimeError("ha")

    __repr__ = __str__
    __hash__ = object.__hash__

    def model_dump(self, **_):
        raise ValueError("ha")


class Trap(dict[str, Any]):
    """It cannot be looked into."""

    def items(self):
        raise KeyError


@dataclass
class Half:
    """One of its fields is missing."""

    there: int = 1
    gone: int = field(init=False)


def test_what_cannot_be_shown_is_told_by_its_class():
    found = as_json({"evil": [Evil()], "trap": Trap(a=1), Evil(): 1, "half": Half()})
    assert (found["evil"], found["trap"], found["<Evil>"]) == (["<Evil>"], "{'a': 1}", 1)
    assert found["half"].startswith("<")


def test_what_holds_itself_is_cut():
    ring: list[Any] = [1]
    ring += [ring, ring]
    node = Point(1)
    node.inside = {"node": node}
    model = Holder(raw=b"", when=datetime(2026, 1, 1, tzinfo=UTC))
    model.odd = [model]
    assert as_json([ring, node]) == [[1, "...", "..."], {"x": 1, "inside": {"node": "..."}}]
    json.dumps(as_json(model))


@pytest.mark.parametrize("levels", [DEEPEST, 5_000, 100_000])
def test_what_is_deep_is_cut_where_readers_give_up(levels):
    deep: Any = "bottom"
    for _ in range(levels):
        deep = [deep]
    told = as_json({"deep": deep})
    assert orjson.loads(orjson.dumps(told)) == told


integers = st.integers(-(2**63), 2**64 - 1)  # orjson, which reads it back here, takes no longer ones
values = st.recursive(
    st.none()
    | st.floats()
    | integers
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.builds(Opaque)
    | st.builds(Evil)
    | st.builds(Half)
    | st.builds(Trap, a=integers)
    | st.builds(HumanMessage, st.text()),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(integers | st.text(st.characters()) | st.binary() | st.builds(Evil), inner)
        | st.builds(Point, integers, inner)
        | st.builds(lambda odd: Holder(raw=b"\xff", when=datetime(2026, 1, 1, tzinfo=UTC), odd=odd), inner)
        | st.builds(lambda odd: AIMessage("x", additional_kwargs={"odd": odd}), inner)
        | st.builds(Interrupt, inner)
    ),
    max_leaves=10,
)


@given(value=values)
def test_any_value_in_a_channel_becomes_json_that_every_reader_takes(value):
    told = as_json(value)
    json.dumps(told, allow_nan=False)
    left = dumps({"data": told})
    assert orjson.loads(left) == json.loads(left.decode())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"messages": [HumanMessage("hi"), AIMessage("hello")]}, "hello"),
        ({"messages": [AIMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]}, "ab"),
        ({"messages": [ToolMessage("made", tool_call_id="1")]}, "made"),
        ({"messages": [AIMessage("")]}, None),
        ({"messages": []}, None),
        ({"messages": ["hello"]}, None),
        ({}, None),
        ("hello", None),
    ],
)
def test_the_output_is_the_text_of_the_last_message(values, expected):
    assert last_text(values) == expected
