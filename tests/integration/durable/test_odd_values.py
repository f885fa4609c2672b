"""Odd values in the channels, entries, questions and errors of a graph, all the way to the database and back."""

from datetime import UTC, datetime
from typing import Any, TypedDict

import orjson
import pytest
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from executor.jobs.caller import ANYBODY
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.steps import job
from tests.integration.durable.workers import working

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

HALF = "half \ud800"
WHOLE = "half \ufffd"


class Silent:
    """It cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Picture(BaseModel):
    raw: bytes = b"\xff"
    taken: datetime = datetime(2026, 1, 1, tzinfo=UTC)


class State(TypedDict, total=False):
    job: str
    done: list[str]
    text: str
    odd: Any


def graph(node: Any) -> Any:
    built: Any = StateGraph(State)
    built.add_node("node", node)
    built.add_edge(START, "node")
    return built.compile()


async def tells(_: State) -> State:
    get_stream_writer()({"silent": Silent(), "picture": Picture(), "deep": [{"raw": b"\xff", "text": HALF}]})
    return {"text": HALF, "odd": {"raw": b"\xff", "text": [HALF]}}


async def asks(_: State) -> State:
    return {"text": interrupt({"sure?": HALF, "picture": b"\xff"})}


async def fails(_: State) -> State:
    raise ValueError(HALF)


async def test_what_a_graph_tells_is_whole_in_its_result_and_in_its_entries(place, name):
    await place.publish(job(name))
    async with working(place.environment, graph(tells)):
        assert await at_rest(place, name) == {name: "completed"}
    [fact] = await place.terminal()
    told = {"raw": "/w==", "text": [WHOLE]}
    state = {"job": name, "done": [], "text": WHOLE, "odd": told}
    assert (fact.data["attempts"], fact.data["result"]["final_state"]) == (1, state)
    [custom] = [entry for entry in await place.entries(name) if entry["type"] == "custom"]
    assert orjson.loads(custom["data"]) == {
        "silent": "<Silent>",
        "picture": {"raw": "/w==", "taken": "2026-01-01T00:00:00Z"},
        "deep": [{"raw": "/w==", "text": WHOLE}],
    }
    [row] = await place.rows("SELECT result::jsonb AS result FROM jobs")
    assert row["result"] == fact.data["result"]


async def test_a_question_and_its_answer_may_hold_half_a_surrogate_pair(place, name):
    await place.publish(job(name))
    async with working(place.environment, graph(asks)) as running:
        await becomes(place, name, "interrupted")
        asked = await running.resources.register.job(name)
        assert asked is not None
        assert asked.result is not None
        kept = WHOLE.replace("\ufffd", "?")  # as LangGraph keeps it in the checkpoint, which is what is told
        assert [each["value"] for each in asked.result["interrupts"]] == [{"sure?": kept, "picture": "/w=="}]
        await running.service.jobs.resume(name, HALF, ANYBODY)
        assert await at_rest(place, name) == {name: "completed"}
    [fact] = await place.terminal()
    assert fact.data["result"]["final_state"]["text"] == WHOLE


async def test_an_error_that_holds_half_a_surrogate_pair_ends_its_job(place, name):
    await place.publish(job(name))
    async with working(place.environment, graph(fails), EXECUTOR_MAX_ATTEMPTS="2"):
        assert await at_rest(place, name) == {name: "failed"}
    [fact] = await place.terminal()
    assert fact.data["error"] == {"type": "ValueError", "message": WHOLE, "retryable": True, "attempts": 2}
    [row] = await place.rows("SELECT error::jsonb AS error FROM jobs")
    assert row["error"] == fact.data["error"]
