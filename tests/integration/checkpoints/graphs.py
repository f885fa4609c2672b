"""Graphs whose nodes add their names to the state: any, one node after another, and two branches that meet."""

import operator
from collections.abc import Iterable
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph

from tests.integration.checkpoints.thread import Thread


class State(TypedDict):
    seen: Annotated[list[str], operator.add]
    count: Annotated[int, operator.add]


def graph(nodes: dict[str, Any], edges: Iterable[tuple[Any, str]], schema: Any = State) -> Any:
    built: Any = StateGraph(schema)
    for name, node in nodes.items():
        built.add_node(name, node)
    for start, end in edges:
        built.add_edge(start, end)
    return built.compile()


def chain(nodes: dict[str, Any], schema: Any = State) -> Any:
    return graph(nodes, zip([START, *nodes], nodes, strict=False), schema)


def diamond(thread: Thread, **q: Any) -> Any:
    nodes = {name: thread.node(name) for name in "apd"} | {"q": thread.node("q", wait=0.02, **q)}
    return graph(nodes, [(START, "a"), ("a", "p"), ("a", "q"), (["p", "q"], "d")])


GO: Any = {"seen": ["in"], "count": 0}
