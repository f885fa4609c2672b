"""A provider that is away for longer than any number of attempts: no job fails by it, and it meets no storm."""

import asyncio
import gc
import time
import warnings
from collections.abc import Iterator
from typing import Any, TypedDict

import httpx2
import pytest
from langchain_openai import ChatOpenAI
from langgraph.graph import START, StateGraph

from executor.embedded.loopback import wait_until
from executor.embedded.model import Model
from executor.jobs import gate
from executor.jobs.caller import ANYBODY
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.steps import Steps, fails, job
from tests.integration.durable.workers import working
from tests.integration.world import World, asked, event, unique

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("quick", "short"),
    # OpenAI's client leaves the connections of calls that are refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

JOBS = 12
CLIENTS_RETRIES = 3  # what one call of OpenAI's client makes of a 503


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, model: Model) -> Iterator[None]:
    """Probes that come soon, and an outage that ends with its test, as do its connections."""
    monkeypatch.setattr(gate, "FIRST_DELAY", 0.2)
    monkeypatch.setattr(gate, "LONGEST_DELAY", 1.0)
    monkeypatch.setattr(model, "outage", None)
    yield
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


async def waits_for_provider(place: World, *jobs: str) -> bool:
    """Whether all wait in the ledger, most of them at the gate: the others have been its probes."""
    rows = await place.rows("SELECT job_id, status, gate FROM jobs")
    mine = [row for row in rows if row["job_id"] in jobs]
    at_gate = [row for row in mine if row["gate"]]
    return len(mine) == len(jobs) and {row["status"] for row in mine} == {"parked"} and 2 * len(at_gate) >= len(jobs)


async def test_an_outage_under_load_loses_no_job_and_the_provider_sees_no_storm(place: World, model: Model) -> None:
    jobs = [unique() for _ in range(JOBS)]
    async with working(place.environment, EXECUTOR_MAX_ATTEMPTS="2") as running:
        model.outage = 503
        for each in jobs:
            await place.publish(event(each))
        await wait_until("all wait for the provider", lambda: waits_for_provider(place, *jobs), 60)
        assert await place.unfinished() == 0, "a job that waits in the ledger is no lag"
        found = await running.resources.register.job(jobs[0])
        assert found is not None
        assert found.waiting is not None
        assert found.waiting["for"] == "provider"
        before, began = len(model.requests), time.monotonic()
        await asyncio.sleep(3)  # of the outage, which is what is measured
        probes = (time.monotonic() - began) / 0.5 + 1
        assert len(model.requests) - before <= CLIENTS_RETRIES * probes
        model.outage = None
        assert await at_rest(place, *jobs, limit=60) == dict.fromkeys(jobs, "completed")
    assert await place.dead_letters() == []
    counted = await place.rows("SELECT max(attempts) AS most FROM jobs")
    assert counted == [{"most": 1}], "no attempt of a step was spent on the world"


async def test_who_waits_for_a_provider_keeps_its_place_on_its_thread(place: World, model: Model) -> None:
    first, second, thread = unique(), unique(), unique("thread")
    others = [unique() for _ in range(gate.REFUSALS)]
    async with working(place.environment):
        model.outage = 503
        for each in others:
            await place.publish(event(each))
        await wait_until("the gate is closed", lambda: waits_for_provider(place, *others), 60)
        await place.publish(event(first, thread_id=thread))
        await becomes(place, first, "parked")
        await place.publish(event(second, thread_id=thread))
        await becomes(place, second, "parked")
        model.outage = None
        await at_rest(place, first, second, *others, limit=60)
    ended = [fact.event["subject"] for fact in await place.terminal() if fact.event["subject"] in {first, second}]
    assert ended == [first, second]


async def test_a_graph_of_the_image_comes_to_the_gate_at_its_models_call(place: World, model: Model) -> None:
    class State(TypedDict):
        job: str
        done: list[str]

    http = httpx2.AsyncClient()
    options: Any = {"model": "gpt", "base_url": model.url, "api_key": "x", "http_async_client": http}
    chat = ChatOpenAI(max_retries=0, **options)

    async def call(state: State) -> dict[str, Any]:
        return {"done": [str((await chat.ainvoke(f"Job {state['job']}.")).text)]}

    built: Any = StateGraph(State)
    built.add_node("call", call)
    built.add_edge(START, "call")
    jobs = [unique() for _ in range(gate.REFUSALS + 3)]
    async with http, working(place.environment, built.compile(), EXECUTOR_MAX_ATTEMPTS="1"):
        model.outage = 429
        for each in jobs:
            await place.publish(job(each))
        await wait_until("all wait for the provider", lambda: waits_for_provider(place, *jobs), 60)
        model.outage = None
        assert await at_rest(place, *jobs, limit=60) == dict.fromkeys(jobs, "completed")


async def test_a_fault_that_outlasts_its_budget_fails_as_before(place: World, steps: Steps, name: str) -> None:
    steps.acts[name, "b"] = fails(error=ConnectionError("no route"))
    async with working(place.environment, steps.graph(), EXECUTOR_RETRY_SECONDS="2"):
        await place.publish(job(name))
        assert await at_rest(place, name) == {name: "failed"}
    [end] = await place.terminal()
    error = end.data["error"]
    assert (error["type"], error["message"], error["retryable"]) == ("ConnectionError", "no route", True)
    [letter] = await place.dead_letters()
    assert (letter.word, letter.headers["Dlq-Attempts"]) == ("exhausted", str(error["attempts"]))


async def test_what_can_never_pass_is_asked_for_once(place: World, model: Model, name: str) -> None:
    async with working(place.environment):
        model.outage = 402
        await place.publish(event(name))
        assert await at_rest(place, name) == {name: "failed"}
    assert asked(model, name) == [0]
    assert (await place.terminal())[0].data["error"]["attempts"] == 1


async def test_a_limit_of_steps_is_the_jobs_and_ends_it_at_once(place: World, name: str) -> None:
    class State(TypedDict):
        job: str
        done: list[str]

    taken = []

    async def turn(state: State) -> dict[str, Any]:
        taken.append(state["job"])
        return {}

    built: Any = StateGraph(State)
    built.add_node("turn", turn)
    built.add_edge(START, "turn")
    built.add_edge("turn", "turn")
    async with working(place.environment, built.compile().with_config(recursion_limit=7)):
        await place.publish(job(name))
        assert await at_rest(place, name) == {name: "failed"}
    [end] = await place.terminal()
    assert (end.data["error"]["type"], end.data["error"]["attempts"]) == ("GraphRecursionError", 1)
    assert len(taken) == 7
    assert (await place.dead_letters())[0].word == "recursion_limit"


async def test_a_limit_of_steps_counts_across_answers(place: World, name: str) -> None:
    from langgraph.types import interrupt  # noqa: PLC0415 - beside its use

    class State(TypedDict):
        job: str
        done: list[str]

    async def turn(_: State) -> dict[str, Any]:
        interrupt("go on?")
        return {}

    built: Any = StateGraph(State)
    built.add_node("turn", turn)
    built.add_edge(START, "turn")
    built.add_edge("turn", "turn")
    answers = 0
    async with working(place.environment, built.compile().with_config(recursion_limit=5)) as running:
        await place.publish(job(name))
        while answers < 20:
            await wait_until("it asks or ends", lambda: rests(place, name))
            if not await becomes_asking(place, name):
                break
            await running.service.jobs.resume(name, "yes", ANYBODY)
            answers += 1
        assert await at_rest(place, name) == {name: "failed"}
    assert answers <= 8, "two more than the limit at most: LangGraph takes so many steps at each resume"


async def rests(place: World, name: str) -> bool:
    rows = await place.rows(f"SELECT status FROM jobs WHERE job_id = '{name}'")  # noqa: S608 - our own
    return bool(rows) and rows[0]["status"] in {"interrupted", "failed", "completed"}


async def becomes_asking(place: World, name: str) -> bool:
    rows = await place.rows(f"SELECT status FROM jobs WHERE job_id = '{name}'")  # noqa: S608 - our own
    return bool(rows[0]["status"] == "interrupted")
