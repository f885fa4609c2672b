"""The state of a graph as JSON, whatever its channels hold."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel

from executor.agents.state import as_json, last_text


class Colour(StrEnum):
    RED = "red"


class Model(BaseModel):
    when: datetime


@dataclass
class Point:
    x: int
    inside: object = None


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
        (b"\xff", "b'\\xff'"),
        (float("nan"), "nan"),
        ([float("inf"), -float("inf")], ["inf", "-inf"]),
    ],
)
def test_whatever_has_a_form_as_json_gets_it_and_the_rest_its_text(value, expected):
    found = as_json(value)
    assert str(found).replace(__name__, "test_state") == str(expected)


def test_a_number_of_a_librarys_own_is_a_number():
    class Own(float):
        """As NumPy has them."""

    assert type(as_json(Own(0.5))) is float


def test_messages_are_in_langchains_dict_form():
    message = as_json({"messages": [HumanMessage("hi", id="1")]})["messages"][0]
    assert message["type"] == "human"
    assert (message["data"]["content"], message["data"]["id"]) == ("hi", "1")


class Opaque:
    """It has no form."""


values = st.recursive(
    st.none() | st.floats() | st.text() | st.binary() | st.builds(Opaque) | st.builds(HumanMessage, st.text()),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner) | st.builds(Point, st.integers(), inner)
    ),
    max_leaves=10,
)


@given(value=values)
def test_any_state_is_strict_json(value):
    json.dumps(as_json(value), allow_nan=False)


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
