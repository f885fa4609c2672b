"""The frames that entries of a graph make are those that LangGraph streams itself."""

import json
from collections import defaultdict
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from executor.agents.state import as_flat_json
from executor.agents.stream import MODES, entry_bodies
from executor.faces.langgraph.frames import Frames
from executor.jobs.entries import Entry, Place, StreamEntry
from tests.integration.clients.asking import both, twice
from tests.integration.clients.graphs import steps

pytestmark = pytest.mark.anyio

THERE = {"configurable": {"thread_id": "t"}}


class Scripted(GenericFakeChatModel):
    def bind_tools(self, *_, **__):
        return self


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def saying():
    model = Scripted(messages=iter([AIMessage("It is done, all of it.", id="m2")]))
    return create_agent(model, [add], checkpointer=InMemorySaver())


def adding():
    calls = [{"name": "add", "args": {"a": n, "b": 1}, "id": f"c{n}"} for n in (1, 2)]
    said = [AIMessage("Adding both now.", id="m1", tool_calls=calls), AIMessage("It is done, all of it.", id="m2")]
    return create_agent(Scripted(messages=iter(said), disable_streaming=True), [add], checkpointer=InMemorySaver())


def with_memory(graph):
    return lambda: graph.copy(update={"checkpointer": InMemorySaver()})


async def ours(graph, given, *modes, subgraphs=False):
    """What our entries of the run make."""
    frames = Frames("r", "t", frozenset(modes), subgraphs)
    made: list[Any] = []
    parts = graph.astream(given, THERE, stream_mode=MODES, subgraphs=True, version="v2")
    async for part in parts:
        for kind, node, data, ns in entry_bodies(part):
            fields = Entry("t", "r", 1, kind, node, data, ns).fields()
            made += frames.of(StreamEntry(Place(1, 0), fields))
    return [(frame.event, frame.data) for frame in made]


def without_ids(value):
    """Ids of tools' messages and of checkpoints differ from run to run."""
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if name not in {"id", "artifact"}}
    return [without_ids(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (with_memory(steps), [{"seen": ["a"]}]),
        (with_memory(twice), [{"said": []}, Command(resume="Ada"), Command(resume="36")]),
        (with_memory(both), [{"said": []}]),
        (adding, [{"messages": [HumanMessage("Add.")]}]),
    ],
    ids=["steps", "questions in a row", "questions at once", "an agent with tools"],
)
async def test_updates_are_those_of_the_graph(make, inputs):
    graph, same = make(), make()
    for given in inputs:
        updates = [as_flat_json(update) async for update in same.astream(given, THERE, stream_mode="updates")]
        told = [data for _, data in await ours(graph, given, "updates")]
        assert by_node(told) == by_node(updates)


def by_node(updates):
    """What runs at once ends in any order; a tool's message has less of it in an entry."""
    found = defaultdict(list)
    for update in updates:
        for node, written in update.items():
            found[node].append(slim(without_ids(written)))
    return {node: sorted(written, key=json.dumps) for node, written in found.items()}


def slim(value):
    if isinstance(value, dict):
        is_tool = value.get("type") == "tool"
        kept = {"type", "content", "name", "tool_call_id", "status"} if is_tool else value.keys()
        return {name: slim(each) for name, each in value.items() if name in kept}
    return [slim(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("make", [saying, adding])
async def test_messages_are_those_of_the_graph(make):
    given = {"messages": [HumanMessage("Add.")]}
    theirs: dict[str, str] = defaultdict(str)
    async for message, _ in make().astream(given, THERE, stream_mode="messages"):
        theirs[message.id if message.type != "tool" else message.tool_call_id] += message.content
    told: dict[str, str] = defaultdict(str)
    for _, (message, _) in await ours(make(), given, "messages-tuple"):
        told[message["id"] if message["type"] != "tool" else message["tool_call_id"]] += message["content"]
    assert told == theirs
    assert told["m2"] == "It is done, all of it."
