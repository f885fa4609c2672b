"""Graphs that ask more than once: one question after the other, and two at once."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class Said(TypedDict, total=False):
    """What people said."""

    said: Annotated[list[str], operator.add]


async def first(state: Said) -> dict[str, Any]:  # noqa: ARG001 - a node has one
    """Ask for a name."""
    return {"said": [f"name {interrupt('Your name?')}"]}


async def second(state: Said) -> dict[str, Any]:  # noqa: ARG001 - a node has one
    """Ask for an age."""
    return {"said": [f"age {interrupt('Your age?')}"]}


twice = (
    StateGraph(Said)
    .add_node("first", first)
    .add_node("second", second)
    .add_edge(START, "first")
    .add_edge("first", "second")
    .add_edge("second", END)
    .compile()
)
both = (
    StateGraph(Said)
    .add_node("first", first)
    .add_node("second", second)
    .add_edge(START, "first")
    .add_edge(START, "second")
    .add_edge("first", END)
    .add_edge("second", END)
    .compile()
)
