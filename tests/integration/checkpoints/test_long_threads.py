"""A plain agent's messages, stored whole at each step or as what each step adds."""

import uuid
from itertools import count
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from executor.agents import build
from executor.agents.definition import read
from executor.settings import ModelSettings
from tests.integration.checkpoints.lab import Lab, at

pytestmark = pytest.mark.anyio

LONG = "x" * 500
STORED = """
SELECT (SELECT coalesce(sum(length(blob)), 0) FROM checkpoint_blobs WHERE thread_id = %(job)s)
     + (SELECT coalesce(sum(length(blob)), 0) FROM checkpoint_writes WHERE thread_id = %(job)s)
"""


@pytest.fixture
def agent(monkeypatch):
    """A plain agent that counts its answers, compiled anew for each job."""
    answers = (AIMessage(content=f"{number} {LONG}") for number in count())
    monkeypatch.setattr(build, "chat_model", lambda *_: GenericFakeChatModel(messages=answers))
    definition = read({"nodes": [{"id": "a", "config": {"system_prompt": "Count."}}]})
    return lambda delta: build.build(definition, ModelSettings.read({}), delta=delta)


async def say(lab: Lab, graph: Any, thread: str, text: str) -> list[str]:
    """One more job on the thread; the first words of its conversation then."""
    ready = graph.copy(update={"checkpointer": await lab.saver(thread)})
    given: Any = {"messages": [{"role": "user", "content": text}]}
    state = await ready.ainvoke(given, at(thread), durability="sync")
    return [message.content.partition(" ")[0] for message in state["messages"]]


async def test_a_long_thread_costs_what_each_step_adds(lab: Lab, agent):
    stored = {}
    for delta in (False, True):
        thread = uuid.uuid4().hex
        for turn in range(40):
            found = await say(lab, agent(delta), thread, f"u{turn}")
        assert len(found) == 80
        assert found[::2] == [f"u{turn}" for turn in range(40)]
        stored[delta] = int((await lab.ask(STORED, job=thread))[0][0])
    assert stored[True] < stored[False] / 5


@pytest.mark.parametrize("turns", [1, 30, 60])
@pytest.mark.parametrize("first", [False, True])
async def test_a_thread_goes_on_when_the_setting_changes_and_back(lab: Lab, agent, first, turns):
    thread = uuid.uuid4().hex
    said = [f"u{turn}" for turn in range(turns)]
    for text in said:
        await say(lab, agent(first), thread, text)
    for number, delta in enumerate((not first, first, not first)):
        said.append(f"later{number}")
        assert (await say(lab, agent(delta), thread, said[-1]))[::2] == said


@pytest.mark.parametrize("first", [False, True])
async def test_a_job_that_stopped_within_its_run_goes_on_when_the_setting_changes(lab: Lab, agent, first):
    thread = uuid.uuid4().hex
    await say(lab, agent(first), thread, "u0")
    stopped = agent(first).copy(update={"checkpointer": await lab.saver(thread)})
    given: Any = {"messages": [{"role": "user", "content": "u1"}]}
    await stopped.ainvoke(given, at(thread), durability="sync", interrupt_before=["model"])
    ready = agent(not first).copy(update={"checkpointer": await lab.saver(thread)})
    state = await ready.ainvoke(None, at(thread), durability="sync")
    assert [message.content.partition(" ")[0] for message in state["messages"]][::2] == ["u0", "u1"]
