"""Graphs that the image brings along."""

import json

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from executor.agents import graphs
from executor.agents.agents import Agents
from executor.errors import Misconfigured, Rejected
from executor.jobs.job import Claim, Completed, JobRequest
from executor.settings import ModelSettings
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

AGENT = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from helper import DOUBLE

class State(TypedDict):
    number: int

async def double(state: State) -> State:
    return {"number": DOUBLE * state["number"]}

builder = StateGraph(State).add_node("double", double).add_edge(START, "double").add_edge("double", END)
compiled = builder.compile()
nothing = 3

def made():
    return builder

def broken():
    raise OSError("no licence")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "helper.py").write_text("DOUBLE = 2\n")
    (tmp_path / "agent.py").write_text(AGENT)
    return tmp_path


def load(folder, **named):
    file = folder / "langgraph.json"
    file.write_text(json.dumps({"dependencies": ["./src", "some-package"], "graphs": named, "env": ".env"}))
    return graphs.load(file)


async def test_a_job_runs_on_a_graph_of_the_image_by_its_name(folder):
    known = load(folder, twice="./agent.py:builder", same={"path": "agent.py:compiled"}, made="./agent.py:made")
    agents = Agents(ModelSettings.read({}), lambda _: InMemorySaver(), known)
    for name in ("twice", "same", "made"):
        job = JobRequest("j", "j", {"graph": name}, {"number": 21})
        run = await agents.open(job, Claim("j", 1, 1, 0.0, EPOCH), lambda _: None)
        assert await run.finish() == Completed(None, {"number": 42})


async def test_a_graph_that_the_image_does_not_have_is_refused_with_those_that_it_has(folder):
    agents = Agents(ModelSettings.read({}), lambda _: InMemorySaver(), load(folder, twice="./agent.py:builder"))
    with pytest.raises(Rejected, match=r"data.agent_definition.graph: 'thrice' is no graph of this image \(twice\)"):
        await agents.check(JobRequest("j", "j", {"graph": "thrice"}, {}))


async def test_a_definition_that_has_a_key_graph_stays_a_definition(folder):
    known = load(folder, twice="./agent.py:builder")
    definition = {"graph": {"layout": "tree"}, "nodes": [{"id": "a"}]}
    assert graphs.chosen(definition, known) is None


async def test_an_image_without_the_file_has_no_graphs(tmp_path):
    assert graphs.load(tmp_path / "langgraph.json") == {}
    with pytest.raises(Rejected, match=r"none, as it has no langgraph\.json"):
        await Agents(ModelSettings.read({}), lambda _: InMemorySaver()).check(JobRequest("j", "j", {"graph": "x"}, {}))


@pytest.mark.parametrize(
    ("at", "complaint"),
    [
        ("./agent.py:nothing", "is no graph, nor a function without arguments that makes one"),
        ("./agent.py:missing", "has no attribute 'missing'"),
        ("./agent.py:broken", "OSError('no licence')"),
        ("./elsewhere.py:graph", "FileNotFoundError"),
        ("no_such_module:graph", "ModuleNotFoundError"),
    ],
)
def test_a_graph_that_cannot_be_had_keeps_the_process_from_starting(folder, at, complaint):
    with pytest.raises(Misconfigured) as caught:
        load(folder, bad=at)
    assert f"graphs.bad: {at}" in str(caught.value)
    assert complaint in str(caught.value)


def test_a_file_that_is_none_is_said_to_be(tmp_path):
    (tmp_path / "langgraph.json").write_text('{"graphs": {}}')
    with pytest.raises(Misconfigured, match=r"langgraph\.json\.graphs: "):
        graphs.load(tmp_path / "langgraph.json")
