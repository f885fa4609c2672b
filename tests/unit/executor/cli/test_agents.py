"""`agent-executor agents`."""

import json

import pytest
from click.testing import CliRunner

from contract import Env
from executor.__main__ import cli
from executor.errors import Misconfigured

GRAPH = """
from langgraph.graph import END, START, MessagesState, StateGraph

graph = StateGraph(MessagesState).add_node("a", lambda _: {}).add_edge(START, "a").add_edge("a", END)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on an image with a graph and a folder with these files."""

    def run(*words, **files):
        (tmp_path / "graph.py").write_text(GRAPH)
        place = {"path": "./graph.py:graph", "description": "Draws."}
        (tmp_path / "langgraph.json").write_text(json.dumps({"graphs": {"table": place}}))
        folder = tmp_path / "agents"
        folder.mkdir()
        for name, node in files.items():
            definition = {"nodes": [{"id": "a", "config": node}], "tool_definitions": [{"name": "t"}]}
            (folder / f"{name}.json").write_text(json.dumps(definition if node else {}))
        monkeypatch.setenv(Env.EXECUTOR_GRAPHS, str(tmp_path / "langgraph.json"))
        monkeypatch.setenv(Env.EXECUTOR_AGENTS, str(folder))
        monkeypatch.setenv(Env.OPENAI_API_KEY, "sk-1")
        monkeypatch.delenv(Env.ANTHROPIC_API_KEY, raising=False)
        return CliRunner().invoke(cli, ["agents", *words])

    return run


def test_all_that_have_names_are_listed_with_what_they_use(run):
    answer = run(
        brief={"system_prompt": "Be brief."}, kind={"model": {"model": "openai:gpt-5"}, "description": "Kind."}
    )
    assert (answer.exit_code, [line.split() for line in answer.stdout.splitlines()]) == (
        0,
        [
            ["brief", "definition", "brief.json", "openai:gpt-4.1-mini"],
            ["kind", "definition", "kind.json", "openai:gpt-5"],
            ["table", "graph", answer.stdout.split()[-2], "Draws."],
        ],
    )


def test_who_cannot_be_had_is_listed_with_the_reason_and_no_success(run):
    answer = run(
        "--json", wrong=None, keyless={"model": {"provider": "anthropic", "model": "x"}}, script={"tools": ["t"]}
    )
    listed = {each["name"]: each for each in json.loads(answer.stdout)}
    assert isinstance(answer.exception, Misconfigured)
    assert str(answer.exception) == "cannot be had: keyless, script, wrong"
    assert {name: each["error"] and each["error"].rpartition("/")[2] for name, each in listed.items()} == {
        "keyless": "model.provider: no key for anthropic here, ANTHROPIC_API_KEY is not set",
        "script": "a: tools that are scripts (t) are not allowed here",
        "table": None,
        "wrong": "wrong.json.nodes: is missing",
    }
    assert listed["keyless"] == {
        "name": "keyless",
        "kind": "definition",
        "source": "keyless.json",
        "description": None,
        "models": ["anthropic:x"],
        "tools": [],
        "error": "model.provider: no key for anthropic here, ANTHROPIC_API_KEY is not set",
    }


def test_the_images_graphs_are_listed_as_json_too(run):
    run()
    assert json.loads(CliRunner().invoke(cli, ["graphs", "--json"]).stdout) == ["table"]
