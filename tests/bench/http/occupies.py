"""A graph that occupies a worker for so many seconds."""

import asyncio
from typing import TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict):
    seconds: float


async def occupy(state: State) -> State:
    await asyncio.sleep(state["seconds"])
    return state


builder = StateGraph(State)
builder.add_node(occupy)
builder.add_edge(START, "occupy")
graph = builder.compile()
