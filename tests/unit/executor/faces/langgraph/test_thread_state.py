"""What a thread holds and held, over HTTP."""

from typing import Any

import httpx
import pytest

from executor.api.server import application
from executor.api.state import State
from executor.faces import langgraph
from executor.faces.langgraph.face import Desk, Face
from executor.jobs.states import Slice, Spot, TaskState, ThreadState
from executor.jobs.threads import Thread
from executor.telemetry import Metrics
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

QUESTION = {"id": "i", "value": "Sure?"}
ASKING = ThreadState(
    spot=Spot("a/b", "", "2"),
    values={"messages": [{"type": "human", "content": "Hi"}]},
    next=("ask",),
    tasks=(TaskState("1", "ask", ("__pregel_pull", "ask"), None, (QUESTION,), Spot("a/b", "ask:1")),),
    interrupts=(QUESTION,),
    metadata={"step": 1},
    created_at="2026-01-01T00:00:00+00:00",
    parent=Spot("a/b", "", "1"),
    unread="its agent is not known",
)
SHOWN = {
    "values": {"messages": [{"type": "human", "content": "Hi"}]},
    "next": ["ask"],
    "tasks": [
        {
            "id": "1",
            "name": "ask",
            "path": ["__pregel_pull", "ask"],
            "error": None,
            "interrupts": [QUESTION],
            "checkpoint": {"thread_id": "a/b", "checkpoint_ns": "ask:1", "checkpoint_id": None},
            "state": None,
            "result": None,
        }
    ],
    "interrupts": [QUESTION],
    "checkpoint": {"thread_id": "a/b", "checkpoint_ns": "", "checkpoint_id": "2"},
    "metadata": {"step": 1, "executor_unread": "its agent is not known"},
    "created_at": "2026-01-01T00:00:00+00:00",
    "parent_checkpoint": {"thread_id": "a/b", "checkpoint_ns": "", "checkpoint_id": "1"},
}


class Threads:
    """Knows the thread `a/b`, which asks; notes what was read of it."""

    def __init__(self):
        self.read = []

    async def get(self, thread_id):
        return Thread(thread_id, {}, None, "idle", EPOCH, EPOCH) if thread_id == "a/b" else None

    async def current(self, thread_id, ns="", *, subgraphs=False):
        self.read.append((ns, subgraphs))
        return ASKING if await self.get(thread_id) else None

    async def at(self, thread_id, checkpoint_id, ns="", *, subgraphs=False):
        self.read.append((checkpoint_id, ns, subgraphs))
        return ASKING if await self.get(thread_id) and checkpoint_id == "2" else None

    async def history(self, thread_id, part, ns=""):
        self.read.append((part, ns))
        return [ASKING] if await self.get(thread_id) else []


@pytest.fixture
def threads():
    return Threads()


@pytest.fixture
async def http(threads):
    face = Face(State(Metrics()))
    nobody: Any = None
    face.desk = Desk(nobody, threads, threads, nobody, nobody)
    app = application(face.state, langgraph.routers(face))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        yield client


async def test_the_state_of_a_thread_is_told_whole(http, threads):
    answer = await http.get("/threads/a%2Fb/state")
    assert (answer.status_code, answer.json()) == (200, SHOWN)
    assert (await http.get("/threads/a%2Fb/state/2?subgraphs=true")).json() == SHOWN
    named = {"checkpoint": {"thread_id": "a/b"}, "subgraphs": True}
    assert (await http.post("/threads/a%2Fb/state/checkpoint", json=named)).json() == SHOWN
    named = {"checkpoint": {"checkpoint_id": "2", "checkpoint_ns": "ask:1", "checkpoint_map": {}}}
    assert (await http.post("/threads/a%2Fb/state/checkpoint", json=named)).json() == SHOWN
    assert threads.read == [("", False), ("2", "", True), ("", True), ("2", "ask:1", False)]


async def test_what_is_not_there_is_a_404(http):
    for answer in (
        await http.get("/threads/x/state"),
        await http.get("/threads/a%2Fb/state/3"),
        await http.post("/threads/x/history", json={}),
        await http.get("/threads/x/history"),
    ):
        assert (answer.status_code, answer.json()["detail"][:9]) == (404, "no thread")


@pytest.mark.parametrize(
    "before", ["1", {"checkpoint_id": "1"}, {"configurable": {"checkpoint_id": "1"}}, {"thread_id": "a/b"}]
)
async def test_a_history_goes_on_before_a_checkpoint_however_it_is_named(http, threads, before):
    answer = await http.post("/threads/a%2Fb/history", json={"limit": 3, "before": before})
    assert answer.json() == [SHOWN]
    assert threads.read == [(Slice(3, None if before == {"thread_id": "a/b"} else "1"), "")]


async def test_a_history_is_that_of_a_namespace_and_of_a_kind(http, threads):
    asked = {"checkpoint": {"checkpoint_ns": "ask:1"}, "metadata": {"source": "input"}}
    await http.post("/threads/a%2Fb/history", json=asked)
    assert (await http.get("/threads/a%2Fb/history?limit=2&before=9")).json() == [SHOWN]
    assert threads.read == [(Slice(10, None, {"source": "input"}), "ask:1"), (Slice(2, "9"), "")]


async def test_what_is_not_understood_is_refused_by_name(http):
    answer = await http.post("/threads/a%2Fb/history", json={"select": ["values"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "select")
    answer = await http.post("/threads/a%2Fb/history", json={"limit": 0})
    assert (answer.status_code, answer.json()["field"]) == (422, "limit")
    answer = await http.post("/threads/a%2Fb/state", json={"values": {}})
    assert (answer.status_code, answer.json()["title"]) == (501, "Not Implemented")
