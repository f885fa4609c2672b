"""What a graph looks like, and what it takes and gives, for those who draw it or make a form of it. Pure."""

from typing import Any

from executor.agents import context
from executor.agents.declared import Graph
from executor.agents.state import as_json

Schema = dict[str, Any]


def drawing(graph: Graph, xray: bool | int) -> dict[str, Any]:  # noqa: FBT001 - it is LangGraph's
    """Its nodes and edges; with `xray` those of graphs inside it, too, to a depth where that is a number."""
    drawn: dict[str, Any] = as_json(graph.get_graph(xray=xray).to_json())
    return drawn


def schemas(graph: Graph) -> dict[str, Schema | None]:
    """JSON schemas of its input, of what it gives, of its state and its context; None where its types have none."""
    return {
        "input_schema": _schema(graph.builder.input_schema),
        "output_schema": _schema(graph.builder.output_schema),
        "state_schema": _schema(graph.builder.state_schema),
        "config_schema": None,
        "context_schema": _schema(graph.context_schema),
    }


def _schema(declared: Any) -> Schema | None:
    try:
        adapter = context.reader(declared)
        return None if adapter is None else adapter.json_schema()
    except Exception:  # noqa: BLE001 - types of somebody else's may raise anything
        return None
