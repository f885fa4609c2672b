"""The graphs that the savers are measured with. No model."""

import asyncio
from random import Random
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from tests.bench.graph import say, three_nodes

SLOW_SECONDS = (0.02, 0.06)
RANDOM = Random(1)  # noqa: S311 - waits and text, no secrets
LETTERS = "abcdefghijklmnopqrstuvwxyz "


async def _nothing(_: Any) -> dict[str, Any]:
    return {}


async def _slowly(state: Any) -> dict[str, Any]:
    await asyncio.sleep(RANDOM.uniform(*SLOW_SECONDS))
    return await say(state)


NODES = {"noop": _nothing, "quick": say, "slow": _slowly}


def three(nodes: str) -> Any:
    """Three nodes that do nothing, or append a message: at once, or after the time of a very quick model."""
    return three_nodes(NODES[nodes]).compile()


class Growing(TypedDict):
    notes: list[str]


def loop(steps: int) -> Any:
    """One node, again and again, whose state grows by a kilobyte each time."""

    async def note(state: Growing) -> dict[str, Any]:
        return {"notes": [*state["notes"], "".join(RANDOM.choices(LETTERS, k=1024))]}

    graph: Any = StateGraph(Growing)
    graph.add_node("note", note)
    graph.add_edge(START, "note")
    graph.add_conditional_edges("note", lambda state: END if len(state["notes"]) == steps else "note", ["note", END])
    return graph.compile()
