"""What a graph looks like, and what it takes and gives."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from executor.agents.drawing import drawing, schemas


class Odd:
    """No JSON schema has it."""


class State(TypedDict):
    n: int


class OddState(TypedDict):
    odd: Odd


def _graph(schema: Any) -> Any:
    inner = StateGraph(schema).add_node("add", lambda _: {}).add_edge(START, "add").add_edge("add", END).compile()
    return StateGraph(schema).add_node("sum", inner).add_edge(START, "sum").add_edge("sum", END).compile()


def _edges(drawn):
    return {(edge["source"], edge["target"]) for edge in drawn["edges"]}


def test_it_has_nodes_and_edges_and_those_of_graphs_inside_it_where_they_are_asked_for():
    graph = _graph(State)
    drawn = drawing(graph, xray=False)
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "sum", "__end__"]
    assert _edges(drawn) == {("__start__", "sum"), ("sum", "__end__")}
    assert "sum:add" in {node["id"] for node in drawing(graph, xray=True)["nodes"]}


def test_it_has_schemas_as_far_as_its_types_have():
    told = schemas(_graph(State))
    state = {
        "title": "State",
        "type": "object",
        "additionalProperties": True,
        "properties": {"n": {"title": "N", "type": "integer"}},
        "required": ["n"],
    }
    nothing: dict[str, Any] = {"config_schema": None, "context_schema": None}
    assert told == {"input_schema": state, "output_schema": state, "state_schema": state} | nothing
    assert {*schemas(_graph(OddState)).values()} == {None}
