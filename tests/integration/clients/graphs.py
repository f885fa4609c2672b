"""Graphs that need no model: one asks, one counts, one waits until a file is there."""

import asyncio
import operator
from pathlib import Path
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt


class Numbers(TypedDict, total=False):
    """What `steps` and `slow` hold."""

    seen: Annotated[list[str], operator.add]
    gate: str
    fails: bool


async def ask(_):
    """Ask a person, and say what they said."""
    return {"messages": [AIMessage(f"You said: {interrupt({'question': 'Well?'})}")]}


async def first(_):
    """Tell something beside the state."""
    get_stream_writer()({"halfway": True})
    return {"seen": ["first"]}


async def second(state):
    """The last, which may fail."""
    if state.get("fails"):
        raise ValueError("as it was told to")
    return {"seen": ["second"]}


async def wait(state):
    """Wait for the file."""
    while not Path(state["gate"]).exists():  # noqa: ASYNC110, ASYNC240 - a file of the test
        await asyncio.sleep(0.02)
    return {"seen": ["waited"]}


asker = StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").add_edge("ask", END).compile()
steps = (
    StateGraph(Numbers)
    .add_node("first", first)
    .add_node("second", second)
    .add_edge(START, "first")
    .add_edge("first", "second")
    .add_edge("second", END)
    .compile()
)
gated = (
    StateGraph(Numbers)
    .add_node("first", first)
    .add_node("wait", wait)
    .add_edge(START, "first")
    .add_edge("first", "wait")
    .add_edge("wait", END)
    .compile()
)
slow = StateGraph(Numbers).add_node("wait", wait).add_edge(START, "wait").add_edge("wait", END).compile()
