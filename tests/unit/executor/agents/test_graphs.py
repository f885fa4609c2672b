"""Graphs that the image brings along."""

import json
import sys

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from executor.agents import graphs
from executor.agents.agents import Agents
from executor.checkpoints.langgraph_internals import reads_back
from executor.errors import Misconfigured, Rejected
from executor.jobs.claims import Claim
from executor.jobs.job import Completed, JobRequest
from executor.settings import ModelSettings
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

AGENT = """
import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from helper import DOUBLE

OPEN = []

@dataclass
class Box:
    number: int

class State(TypedDict):
    number: int

class Boxed(State):
    box: list[Box]

async def double(state: State) -> State:
    return {"number": DOUBLE * state["number"]}

builder = StateGraph(State).add_node("double", double).add_edge(START, "double").add_edge("double", END)
compiled = builder.compile()
odd = StateGraph(Boxed, context_schema=asyncio.Lock).add_node("double", double).add_edge(START, "double")
nothing = 3

def made():
    return builder

def with_default(number=3):
    assert number == 3
    return builder

def configured(config):
    assert config == {"configurable": {}}
    return compiled

async def awaited(config):
    await asyncio.sleep(0)
    return compiled

class Maker:
    async def __call__(self, config, *, store=None):
        return builder

maker = Maker()

@asynccontextmanager
async def managed(config):
    asyncio.get_running_loop()
    OPEN.append("managed")
    yield compiled
    OPEN.remove("managed")

@contextmanager
def threaded():
    OPEN.append("threaded")
    yield builder
    OPEN.remove("threaded")

def broken():
    raise OSError("no licence")

def demanding(config, runtime):
    return compiled
"""
ADVICE = (
    "comes back from a checkpoint as plain data, if at all: "
    "make it a TypedDict, or the graph's whole state a pydantic model"
)
MAKERS = ("builder", "made", "with_default", "configured", "awaited", "maker", "managed", "threaded")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "helper.py").write_text("DOUBLE = 2\n")
    (tmp_path / "agent.py").write_text(AGENT)
    return tmp_path


def written(folder, **named):
    file = folder / "langgraph.json"
    file.write_text(json.dumps({"dependencies": ["./src", "some-package"], "graphs": named, "env": ".env"}))
    return file


def opened(folder, **named):
    return graphs.open_graphs(written(folder, **named))


async def test_a_job_runs_on_a_graph_of_the_image_by_its_name(folder):
    named = {name: f"./agent.py:{name}" for name in MAKERS}
    async with opened(folder, same={"path": "agent.py:compiled"}, **named) as known:
        agents = Agents(ModelSettings.read({}), lambda _: InMemorySaver(), known)
        for name in ("same", *MAKERS):
            job = JobRequest("j", "j", {"graph": name}, {"number": 21})
            run = await agents.open(job, Claim("j", 1, 1, 0.0, EPOCH), lambda _: None)
            assert await run.finish() == Completed(None, {"number": 42})


async def test_what_a_factory_opens_is_open_as_long_as_the_graphs_are(folder):
    async with opened(folder, managed="./agent.py:managed", threaded="./agent.py:threaded") as known:
        opens = sys.modules["langgraph_json_managed"].OPEN, sys.modules["langgraph_json_threaded"].OPEN
        assert (list(known), opens) == (["managed", "threaded"], (["managed"], ["threaded"]))
    assert opens == ([], [])


async def test_a_graph_that_the_image_does_not_have_is_refused_with_those_that_it_has(folder):
    async with opened(folder, twice="./agent.py:builder") as known:
        agents = Agents(ModelSettings.read({}), lambda _: InMemorySaver(), known)
    with pytest.raises(Rejected, match=r"data.agent_definition.graph: 'thrice' is no graph of this image \(twice\)"):
        await agents.check(JobRequest("j", "j", {"graph": "thrice"}, {}))


def test_a_definition_that_has_a_key_graph_stays_a_definition():
    definition = {"graph": {"layout": "tree"}, "nodes": [{"id": "a"}]}
    assert graphs.chosen(definition, {"twice": 2}) is None


async def test_an_image_without_the_file_has_no_graphs(tmp_path):
    async with graphs.open_graphs(tmp_path / "langgraph.json") as known:
        assert known == {}
    with pytest.raises(Rejected, match=r"none, as it has no langgraph\.json"):
        await Agents(ModelSettings.read({}), lambda _: InMemorySaver()).check(JobRequest("j", "j", {"graph": "x"}, {}))


async def misconfigured(file):
    with pytest.raises(Misconfigured) as caught:
        await graphs.open_graphs(file).__aenter__()
    return str(caught.value)


@pytest.mark.parametrize(
    ("at", "complaint"),
    [
        ("./agent.py:nothing", "is no graph, nor makes one"),
        ("./agent.py:missing", "has no attribute 'missing'"),
        ("./agent.py:broken", "OSError('no licence')"),
        ("./agent.py:demanding", "missing 1 required positional argument: 'runtime'"),
        ("./elsewhere.py:graph", "FileNotFoundError"),
        ("no_such_module:graph", "ModuleNotFoundError"),
    ],
)
async def test_a_graph_that_cannot_be_had_keeps_the_process_from_starting(folder, at, complaint):
    said = await misconfigured(written(folder, bad=at))
    assert f"graphs.bad: {at}" in said
    assert complaint in said


async def test_a_file_that_is_none_is_said_to_be(tmp_path):
    (tmp_path / "langgraph.json").write_text('{"graphs": {}}')
    assert "langgraph.json.graphs: " in await misconfigured(tmp_path / "langgraph.json")


async def test_what_will_not_be_as_it_was_meant_is_said(folder):
    async with opened(folder, fine="./agent.py:builder", odd="./agent.py:odd") as known:
        assert list(graphs.doubts(known, reads_back)) == [
            "graphs.odd: its context_schema is not read from JSON: what a job gives reaches it as it is",
            f"graphs.odd: channel 'box': langgraph_json_odd.Box {ADVICE}",
        ]
