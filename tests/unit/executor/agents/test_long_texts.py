"""LangGraph passes over texts where it looks for messages, and finds those that there are."""

from typing import TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph

from executor.agents import long_texts

pytestmark = pytest.mark.anyio


class Text(str):
    """A text that cannot be read letter by letter."""

    __slots__ = ()

    def __iter__(self):
        raise AssertionError("read letter by letter")


@pytest.fixture(autouse=True)
def _passing_over(monkeypatch):
    monkeypatch.setattr("langgraph.pregel._messages.Sequence", None)
    long_texts.pass_over()


class State(TypedDict, total=False):
    given: str
    made: str
    raw: bytes
    one: AIMessage
    many: list[AIMessage]


def returning(update):
    builder = StateGraph(State)
    builder.add_node("make", lambda _: update)
    builder.add_edge(START, "make")
    return builder.compile()


async def messages_of(graph, given):
    return [part[0] async for part in graph.astream(given, stream_mode="messages")]


async def test_no_text_is_read_that_a_node_takes_or_returns():
    assert await messages_of(returning({"made": Text("long"), "raw": b"long"}), {"given": Text("long")}) == []


async def test_messages_are_found_alone_and_in_lists():
    alone, listed = AIMessage("alone", id="1"), AIMessage("listed", id="2")
    assert await messages_of(returning({"one": alone, "many": [listed]}), {"given": "text"}) == [alone, listed]
