"""Edges of a definition: lines between nodes that are there, in the shapes that exist in the field."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.agents.definition import read
from executor.errors import Rejected
from tests.unit.executor.agents.test_definition import node, typed

EDGES = "data.agent_definition.edges"
NODES = [typed("Orchestrator", "a", name="The Boss"), typed("SPECIALIST", "b")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["source", "target", "from", "to", "x"]), inner),
)


def surprises(*edges):
    return read({"nodes": NODES, "edges": list(edges)}).surprises()


def refusal(*edges, nodes=NODES):
    with pytest.raises(Rejected) as caught:
        read({"nodes": nodes, "edges": list(edges)})
    return str(caught.value)


@pytest.mark.parametrize(
    "edge",
    [
        {"source": "a", "target": "b"},
        {"from": "The Boss", "to": "b", "id": "e1", "type": "orchestration", "label": "asks"},
        ["a", "b"],
        ["__start__", "a"],
        {"source": "b", "target": "END"},
    ],
)
def test_an_edge_between_nodes_that_are_there_is_accepted_in_every_shape(edge):
    assert surprises(edge) == []


@pytest.mark.parametrize(
    ("edge", "complaint"),
    [
        ({"source": "a", "target": "c"}, f"{EDGES}[1].target: 'c' is none of the nodes"),
        ({"from": "x", "to": "b"}, f"{EDGES}[1].from: 'x' is none of the nodes"),
        (["a", "c"], f"{EDGES}[1][1]: 'c' is none of the nodes"),
        (
            {"source": "x", "target": ""},
            f"{EDGES}[1].source: 'x' is none of the nodes; {EDGES}[1].target: '' is none of the nodes",
        ),
    ],
)
def test_an_edge_that_leads_to_no_node_is_refused_with_its_name(edge, complaint):
    assert refusal(["a", "b"], edge) == complaint


def test_an_edge_of_a_lone_node_is_looked_at_too():
    assert refusal(["a", "b"], nodes=[node("a")]) == f"{EDGES}[0][1]: 'b' is none of the nodes"


def test_shapes_and_keys_that_are_not_understood_are_reported_and_not_refused():
    assert surprises("a -> b", None, ["a"], {"source": "a"}, {"from": "a", "to": ["b"]}) == [
        f"edges[{index}]" for index in range(5)
    ]
    assert surprises({"source": "a", "target": "b", "condition": "x > 3"}) == ["edges[0].condition"]


@given(st.lists(JSON))
def test_whatever_json_an_edge_is_it_is_accepted_or_refused_by_its_path(edges):
    with suppress(Rejected):
        assert len(surprises(*edges)) >= sum(not isinstance(edge, dict | list) for edge in edges)
