"""A graph whose state is as large as its input says, as one text or as many small values."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph

PIECE = 100


class State(TypedDict, total=False):
    """`bytes` is how large `made` is to be, `pieces` that it is a list of small texts."""

    bytes: int
    pieces: bool
    made: Any


def make(state: State) -> State:
    """The one node."""
    size = state["bytes"]
    return {"made": ["x" * PIECE] * (size // PIECE) if state.get("pieces") else "x" * size}


builder = StateGraph(State)
builder.add_node(make)
builder.add_edge(START, "make")
graph = builder.compile()
