"""The agent definition: what exists in the field is accepted, what makes no graph is refused by name."""

import pytest

from executor.agents.definition import Channel, Definition, read
from executor.errors import Rejected

MODEL = {"provider": "openai", "model": "gpt-4.1-mini"}

# CONTRACT.md section 3, verbatim but for the `{...}` of the second model.
EXAMPLE = {
    "tool_definitions": [
        {
            "name": "generate_diff",
            "description": "...",
            "runtime": {"script": "...", "dependencies": ["langchain-core"]},
        }
    ],
    "nodes": [
        {
            "id": "builder",
            "type": "Orchestrator",
            "config": {
                "name": "Builder",
                "system_prompt": "...",
                "model": {"provider": "openai", "model": "gpt-4.1-mini"},
                "tools": [],
            },
        },
        {
            "id": "guardrail-agent",
            "type": "Specialist",
            "config": {
                "name": "Guardrail Agent",
                "description": "...",
                "system_prompt": "...",
                "model": MODEL,
                "tools": ["generate_diff"],
                "state_schema": {"proposed_changes": {"type": "list", "item_type": "dict", "reducer": "add_messages"}},
            },
        },
    ],
    "edges": [],
}

KINDS = "'list', 'dict', 'string', 'str', 'integer', 'int', 'number', 'float', 'boolean', 'bool' or 'any'"
CHANNEL = "^[A-Za-z0-9][^:]*$"


def node(node_id, **config):
    return {"id": node_id, "config": config}


def typed(kind, node_id, **config):
    return {"type": kind, **node(node_id, **config)}


def refusal(definition, reason="invalid_definition"):
    with pytest.raises(Rejected) as caught:
        read(definition)
    assert caught.value.reason == reason
    return str(caught.value)


def test_the_contracts_example_is_understood_to_the_last_key():
    definition = read(EXAMPLE)
    assert definition.surprises() == []
    assert (definition.root.name, definition.root.is_orchestrator) == ("Builder", True)
    assert [specialist.name for specialist in definition.specialists] == ["Guardrail Agent"]
    assert definition.specialists[0].config.tools == ("generate_diff",)
    assert definition.channels == {"proposed_changes": Channel(type="list", item_type="dict", reducer="add_messages")}


@pytest.mark.parametrize("kind", ["Orchestrator", "ORCHESTRATOR", "orchestrator"])
def test_the_type_is_in_any_case(kind):
    assert read({"nodes": [typed(kind, "a"), typed("Specialist", "b")]}).root.is_orchestrator


@pytest.mark.parametrize("lone", [{"id": "a"}, {"id": "a", "type": "Specialist"}, {"id": "a", "type": "Anything"}])
def test_a_lone_node_needs_neither_type_nor_config_nor_edges(lone):
    definition = read({"nodes": [lone]})
    assert (definition.root.name, definition.root.is_orchestrator, definition.specialists) == ("a", False, ())
    assert definition.root.config.model is None


def test_the_orchestrator_may_come_last():
    definition = read({"nodes": [node("b"), typed("orchestrator", "a"), node("c")]})
    assert (definition.root.id, [each.id for each in definition.specialists]) == ("a", ["b", "c"])


@pytest.mark.parametrize("key", ["model", "model_name"])
def test_the_models_name_is_under_either_key(key):
    model = read({"nodes": [node("a", model={"provider": "openai", key: "gpt"})]}).root.config.model
    assert model is not None
    assert (model.provider, model.name) == ("openai", "gpt")


def test_a_name_may_hold_spaces_and_falls_back_to_the_id():
    assert read({"nodes": [node("a", name="The Great Agent")]}).root.name == "The Great Agent"
    assert read({"nodes": [node("a", name=None)]}).root.name == "a"


def test_null_is_as_good_as_absent():
    nothing = dict.fromkeys(["name", "description", "model", "system_prompt", "tools", "state_schema"])
    assert read(
        {"nodes": [{"id": "a", "type": None, "config": nothing}], "edges": None, "tool_definitions": None}
    ) == read({"nodes": [{"id": "a", "config": {}}]})
    assert read({"nodes": [{"id": "a", "config": None}]}).root.name == "a"


def test_keys_that_are_not_understood_are_reported_but_for_the_harmless():
    definition = read(
        {
            "version": 3,
            "entry_point": "a",
            "nodes": [{"id": "a", "position": {"x": 1}, "retries": 3, "config": {"timeout": 5, "label": "x"}}],
        }
    )
    assert definition.surprises() == ["entry_point", "nodes[0].retries", "nodes[0].config.timeout"]


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        ({}, "data.agent_definition.nodes: is missing"),
        ({"nodes": []}, "data.agent_definition.nodes: is empty"),
        ({"nodes": {}}, "data.agent_definition.nodes: must be a list"),
        ({"nodes": ["a"]}, "data.agent_definition.nodes[0]: must be an object"),
        ({"nodes": [{}]}, "data.agent_definition.nodes[0].id: is missing"),
        ({"nodes": [{"id": ""}]}, "data.agent_definition.nodes[0].id: is empty"),
        ({"nodes": [{"id": 5}]}, "data.agent_definition.nodes[0].id: must be a string"),
        (
            {"nodes": [node("a", state_schema={"x": {"type": "datetime"}})]},
            f"data.agent_definition.nodes[0].config.state_schema.x.type: must be {KINDS}",
        ),
        (
            {"nodes": [node("a", state_schema={"__start__": {}})]},
            f"data.agent_definition.nodes[0].config.state_schema.__start__.[key]: must match pattern '{CHANNEL}'",
        ),
        (
            {"nodes": [node("a", model={"max_tokens": 0})]},
            "data.agent_definition.nodes[0].config.model.max_tokens: must be greater than 0",
        ),
        (
            {"nodes": [node("a"), node("b")]},
            "data.agent_definition.nodes: several nodes need one of type Orchestrator that delegates to them",
        ),
        (
            {"nodes": [typed("orchestrator", "a"), typed("ORCHESTRATOR", "b")]},
            "data.agent_definition.nodes: a and b are both orchestrators",
        ),
        (
            {"nodes": [typed("orchestrator", "a"), typed("Reviewer", "b")]},
            "data.agent_definition.nodes[1].type: b is 'reviewer', neither Orchestrator nor Specialist",
        ),
        (
            {"nodes": [typed("orchestrator", "a"), node("a")]},
            "data.agent_definition.nodes: a is there twice",
        ),
        (
            {"nodes": [typed("orchestrator", "a"), node("b", name="X"), node("c", name="X")]},
            "data.agent_definition.nodes: X is there twice",
        ),
        (
            {"nodes": [node("a")], "tool_definitions": [{"name": "t"}, {"name": "t"}]},
            "data.agent_definition.tool_definitions: t is there twice",
        ),
    ],
)
def test_what_makes_no_graph_is_refused_by_its_path(definition, complaint):
    assert refusal(definition) == complaint


def test_a_tool_that_nobody_defines_is_refused_by_name():
    nodes = [typed("orchestrator", "a"), node("b", tools=["present", "missing"])]
    definition = {"nodes": nodes, "tool_definitions": [{"name": "present"}]}
    assert refusal(definition, "unknown_tool") == (
        "data.agent_definition.nodes[1].config.tools: 'missing' is not in tool_definitions"
    )


def test_values_of_a_definition_are_not_repeated_in_a_refusal():
    assert "sk-secret" not in refusal({"nodes": [node("a", model={"max_tokens": "sk-secret"})]})


def test_a_definition_is_a_value():
    assert read(EXAMPLE) == read(EXAMPLE)
    assert isinstance(read(EXAMPLE), Definition)
