"""The graphs that the savers are measured with. No model."""

import asyncio
from random import Random
from typing import Any, TypedDict

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph

from tests.bench.graph import State, three_nodes

SLOW_SECONDS = (0.02, 0.06)
LETTERS = "abcdefghijklmnopqrstuvwxyz "


def three(nodes: str) -> Any:
    """Three nodes that each append a message: at once, or after the time of a very quick model."""
    if nodes == "quick":
        return three_nodes().compile()
    random = Random(1)  # noqa: S311 - waits, no secrets

    async def say(_: Any) -> dict[str, Any]:
        await asyncio.sleep(random.uniform(*SLOW_SECONDS))
        return {"messages": [AIMessage(content="ok")]}

    graph: Any = StateGraph(State)
    for name, after in zip("abc", ("b", "c", END), strict=True):
        graph.add_node(name, say)
        graph.add_edge(name, after)
    graph.add_edge(START, "a")
    return graph.compile()


class Growing(TypedDict):
    notes: list[str]


def loop(steps: int) -> Any:
    """One node, again and again, whose state grows by a kilobyte each time."""

    random = Random(1)  # noqa: S311 - text, no secrets

    async def note(state: Growing) -> dict[str, Any]:
        return {"notes": [*state["notes"], "".join(random.choices(LETTERS, k=1024))]}

    graph: Any = StateGraph(Growing)
    graph.add_node("note", note)
    graph.add_edge(START, "note")
    graph.add_conditional_edges("note", lambda state: END if len(state["notes"]) == steps else "note", ["note", END])
    return graph.compile()
