"""LangGraph's RemoteGraph, unmodified: an agent here as a node or a runnable there."""

import pytest
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command

from tests.integration.world import says, unique

pytestmark = pytest.mark.anyio


def configured(thread_id):
    return {"configurable": {"thread_id": thread_id}}


@pytest.fixture
def remote(client):
    return lambda name: RemoteGraph(name, client=client)


async def test_it_is_invoked_and_its_state_is_read(remote):
    config = configured(unique("thread"))
    assert await remote("steps").ainvoke({"seen": ["a"]}, config) == {"seen": ["a", "first", "second"]}
    state = await remote("steps").aget_state(config)
    assert (state.values, state.next) == ({"seen": ["a", "first", "second"]}, ())


async def test_it_is_streamed_without_a_thread(remote):
    updates = [each async for each in remote("steps").astream({"seen": []}, stream_mode="updates")]
    assert updates == [{"first": {"seen": ["first"]}}, {"second": {"seen": ["second"]}}]


async def test_it_streams_messages(remote):
    job = unique()
    told = remote("writer").astream(says(job, {"say": "One two three."}), stream_mode="messages")
    pieces = [message["content"] async for message, _ in told if message["type"] == "AIMessageChunk"]
    assert "".join(pieces) == "One two three."
    assert len(pieces) > 1


async def test_it_is_asked_and_answered(remote):
    config = configured(unique("thread"))
    asked = await remote("asker").ainvoke({"messages": []}, config)
    assert [each["value"] for each in asked["__interrupt__"]] == [{"question": "Well?"}]
    answered = await remote("asker").ainvoke(Command(resume="fine"), config)
    assert [message["content"] for message in answered["messages"]] == ["You said: fine"]


async def test_its_failure_is_the_callers(remote):
    with pytest.raises(RemoteException, match="as it was told to"):
        await remote("steps").ainvoke({"seen": [], "fails": True})
