"""Deep agents' async subagents, unmodified: an agent here works for one there, which looks at it when it likes."""

import json
from collections import deque
from typing import Any

import pytest
from deepagents.middleware import async_subagents
from deepagents.middleware.async_subagents import AsyncSubAgentMiddleware
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph_sdk import get_client

from executor.embedded.script import script
from tests.integration.world import unique

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(40)]

SAID: deque[AIMessage] = deque()


def says():
    return SAID.popleft() if SAID else AIMessage("Done.")


class Scripted(GenericFakeChatModel):
    """A model that says what it is told to."""

    def bind_tools(self, *_, **__):
        return self


CONFIG = {"configurable": {"thread_id": "parent"}}


@pytest.fixture
async def parent(faced, monkeypatch):
    made = []

    def get(**more):
        made.append(get_client(**more))
        return made[-1]

    monkeypatch.setattr(async_subagents, "get_client", get)
    there: list[Any] = [
        {"name": name, "description": name, "graph_id": name, "url": faced.url, "headers": {}}
        for name in ("writer", "asker")
    ]
    middleware = AsyncSubAgentMiddleware(async_subagents=there)
    yield create_agent(Scripted(messages=iter(says, None)), middleware=[middleware], checkpointer=InMemorySaver())
    for client in made:
        await client.aclose()


async def calls(parent, tool, **args):
    """What a tool answers that the parent's model calls."""
    call = {"name": tool, "args": args, "id": unique("call")}
    SAID.extend([AIMessage("", tool_calls=[call]), AIMessage("Done.")])
    state = await parent.ainvoke({"messages": [{"role": "user", "content": "Go on."}]}, CONFIG)
    result = next(message for message in reversed(state["messages"]) if message.type == "tool")
    return result.content, state


async def begun(parent, client, kind, description):
    _, state = await calls(parent, "start_async_task", description=description, subagent_type=kind)
    [task] = [each for each in state["async_tasks"].values() if each["agent_name"] == kind]
    await client.runs.join(task["thread_id"], task["run_id"])
    return task["task_id"]


async def test_a_task_is_begun_looked_at_and_given_more(parent, client):
    task = await begun(parent, client, "writer", f"{unique()} {script({'say': 'Blue.'})}")
    assert "Blue." in (await calls(parent, "check_async_task", task_id=task))[0]
    _, state = await calls(parent, "update_async_task", task_id=task, message=script({"say": "And green."}))
    await client.runs.join(task, state["async_tasks"][task]["run_id"])
    assert "success" in (await calls(parent, "list_async_tasks"))[0]
    assert "And green." in (await calls(parent, "check_async_task", task_id=task))[0]


async def test_a_task_that_asks_is_said_to_wait(parent, client):
    task = await begun(parent, client, "asker", "Go.")
    answer = json.loads((await calls(parent, "check_async_task", task_id=task))[0])
    assert (answer["status"], [each["value"] for each in answer["interrupts"]]) == ("waiting", [{"question": "Well?"}])
