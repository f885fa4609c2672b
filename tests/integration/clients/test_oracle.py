"""Our translation of a run's entries tells what LangGraph's own events of the same run tell."""

import json
from typing import Any

import pytest
from deepagents import SubAgent, create_deep_agent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt
from pydantic import SecretStr

from executor.agents.state import as_flat_json
from executor.agents.stream import MODES, entry_bodies
from executor.embedded.script import script
from executor.faces.langgraph.protocol.translation import Translation
from executor.jobs.entries import Entry, Place, StreamEntry
from tests.integration.world import writing

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel is experimental"),
]

TASK = {"name": "task", "args": {"description": "Look.", "subagent_type": "helper"}}
ASK = {"name": "ask", "args": {"question": "Sure?"}}
WORDS = st.sampled_from(["", "Well.", "One two three four."])
# Of two same calls at once the second never reaches its tool: here it starts and fails, there it is silent.
LIST = {"name": "ls", "args": {"path": "/"}}
CALLS = st.lists(st.sampled_from([writing("/a"), LIST, TASK]), min_size=1, max_size=2, unique_by=str)
TURNS = st.lists(st.fixed_dictionaries({"say": WORDS, "call": CALLS}), max_size=3)


@tool
def ask(question: str) -> str:
    """Ask a person."""
    return str(interrupt({"question": question}))


def agent(model, thread):
    llm = ChatOpenAI(model="m", base_url=model.url, api_key=SecretStr("scripted"), streaming=True)
    prompt = f"You help. {script({'say': 'Nothing there.'})}"
    helper = SubAgent(name="helper", description="Helps.", system_prompt=prompt, model=llm, tools=[])
    graph = create_deep_agent(llm, tools=[ask], subagents=[helper], checkpointer=InMemorySaver())
    return graph, {"configurable": {"thread_id": thread}}


def said(events):
    """What both say: of messages their texts and calls, of tools what they are given and give, what is asked."""
    whole, tools, depths = [], [], set()
    for method, namespace, data in events:
        if method == "messages" and data["event"] == "content-block-finish":
            content = {name: value for name, value in data["content"].items() if name not in {"id", "index"}}
            whole.append((len(namespace), content))
        if method == "tools":
            # To LangGraph a tool that gives back an error has finished; here it has failed, as its message says.
            word = data["event"].replace("error", "finished")
            tools.append((len(namespace), {"event": word, "input": data.get("input")}))
        depths.add(len(namespace))
    return sorted(whole, key=json.dumps), sorted(tools, key=json.dumps), depths


async def theirs(model, given_):
    graph, config = agent(model, "t")
    events: list[Any] = []
    asked: list[Any] = []
    async for event in await graph.astream_events(given_, config, version="v3"):
        method, params = event["method"], event["params"]
        if method in {"messages", "tools"}:
            data = params["data"][0] if method == "messages" else params["data"]
            events.append((method, params["namespace"], as_flat_json(data)))
        if method == "values":
            asked = [each.value for each in params.get("interrupts") or ()] or asked
    return said(events), asked


async def ours(model, given_):
    graph, config = agent(model, "t")
    translation, events, asked, at = Translation(), [], [], 0
    async for part in graph.astream(given_, config, stream_mode=MODES, subgraphs=True, version="v2"):
        for body in entry_bodies(part):
            at += 1
            fields = Entry("t", "j", 1, body.type, body.node, body.data, body.ns).fields()
            for event in translation.events(StreamEntry(Place(at, 0), fields)):
                if event.method in {"messages", "tools"}:
                    events.append((event.method, event.namespace, event.data))
                if event.method == "input.requested":
                    asked.append(event.data["value"])
    return said(events), asked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)
@given(turns=TURNS, asks=st.booleans())
async def test_messages_calls_of_tools_and_questions_are_the_same(model, turns, asks):
    last = {"call": [ASK]} if asks else {"say": "All of it is done."}
    given_ = {"messages": [{"role": "user", "content": script(*turns, last)}]}
    (whole, called, depths), asked = found = await ours(model, given_)
    assert found == await theirs(model, given_)
    assert (bool(whole), bool(asked), bool(called)) == (True, asks, asks or bool(turns))
    assert (1 in depths) is any(TASK in turn["call"] for turn in turns)
