"""A graph that tells the time at a steady pace, which both images load. Nothing of ours may come in."""

import asyncio
import time
from typing import Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    """So many entries a second, until the clock shows `until`."""

    rate: float
    until: float


async def tell(state: State) -> None:
    write = get_stream_writer()
    while (now := time.time()) < state["until"]:
        write({"at": now, "text": "about as much as a token says"})
        await asyncio.sleep(1 / state["rate"] - (time.time() - now))


def graph() -> Any:
    """The graph, for langgraph.json."""
    built: Any = StateGraph(State)
    built.add_node("tell", tell)
    built.add_edge(START, "tell")
    built.add_edge("tell", END)
    return built.compile()
