"""People may ask for time, be wrong, answer in pieces and answer twice: no answer ever fails a job."""

import asyncio
import signal
from functools import partial
from typing import Any

import pytest
from langgraph.types import interrupt

from contract import Env
from executor.embedded.loopback import wait_until
from executor.jobs.answers import WrongAnswer
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.people import asked, asks_for, resume
from tests.integration.durable.steps import Steps, asks, fails, job
from tests.integration.durable.workers import working
from tests.integration.world import World, deep, event, unique, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

QUESTIONS = 100


async def test_a_job_that_asks_a_hundred_times_is_one_attempt(place: World, steps: Steps, name: str) -> None:
    steps.acts[name, "b"] = asks(*map(str, range(QUESTIONS)))
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name))
        for nth in range(QUESTIONS):
            await asks_for(running, name, str(nth))
            await resume(running, name, "yes")
        assert await at_rest(place, name) == {name: "completed"}
    facts = await place.facts(name)
    assert facts[-1].data["attempts"] == 1
    words = [fact.word for fact in facts]
    assert (words.count("started"), words.count("interrupted"), words.count("progress")) == (1, QUESTIONS, 0)
    entries = await place.entries(name)
    assert [entry["type"] for entry in entries].count("start") == QUESTIONS + 1
    assert {entry["attempt"] for entry in entries} == {"1"}


async def test_an_answer_that_only_the_graph_finds_wrong_brings_the_question_back(
    place: World, steps: Steps, name: str
) -> None:
    async def picky() -> str:
        if not isinstance(answer := interrupt("when?"), str):
            raise ValueError("no date")  # noqa: TRY004 - any error of the graph's own
        return answer

    steps.acts[name, "b"] = picky
    async with working(place.environment, steps.graph(), EXECUTOR_MAX_ATTEMPTS="2") as running:
        await place.publish(job(name))
        wrongs: list[Any] = [None, [], {"a": 1}, 7]
        for nth, wrong in enumerate(wrongs):
            [question] = (await asks_for(running, name, "when?")).values()
            await resume(running, name, wrong)
            await wait_until("it asks again", partial(has_asked, place, name, nth + 2))
        await asks_for(running, name, "when?")
        await resume(running, name, "tomorrow")
        assert await at_rest(place, name) == {name: "completed"}
    facts = await place.facts(name)
    first, *again, end = [fact for fact in facts if fact.word in {"interrupted", "completed"}]
    assert first.event["id"] == f"{name}:interrupted:{question}"
    assert [fact.event["id"] for fact in again] == [f"{name}:interrupted:{question}:{turn}" for turn in (2, 3, 4, 5)]
    assert [fact.data["error"] for fact in again] == [{"type": "ValueError", "message": "no date"}] * 4
    assert (end.data["attempts"], end.data["result"]["final_state"]["done"]) == (1, ["a", "b=tomorrow", "c"])


async def has_asked(place: World, name: str, times: int) -> bool:
    return (await place.words(name)).count("interrupted") == times


async def test_what_the_world_spoils_after_an_answer_goes_on_with_the_same_answer(
    place: World, steps: Steps, name: str
) -> None:
    away = iter([True, True, False])

    async def unlucky() -> str:
        answer = "+".join([interrupt("one?")])
        if next(away):
            raise ConnectionError("reset")
        return answer

    steps.acts[name, "b"] = unlucky
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name))
        await asks_for(running, name, "one?")
        await resume(running, name, "first")
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert (end.data["attempts"], end.data["result"]["final_state"]["done"]) == (3, ["a", "b=first", "c"])
    assert (await place.words(name)).count("interrupted") == 1


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_breakpoint_is_a_question_that_any_answer_answers(
    place: World, steps: Steps, name: str, where: str
) -> None:
    graph = steps.graph()
    stops = {"interrupt_before": ["b"]} if where == "before" else {"interrupt_after": ["a"]}
    graph = graph.builder.compile(**stops)
    async with working(place.environment, graph) as running:
        await place.publish(job(name))
        await becomes(place, name, "interrupted")
        found = await running.resources.register.job(name)
        assert found is not None
        assert found.result == {"interrupts": [{"id": "breakpoint-1-b", "value": {"breakpoint": ["b"]}, "node": "b"}]}
        assert steps.of(name) == "a"
        await resume(running, name, None)
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert (end.data["attempts"], end.data["result"]["final_state"]["done"]) == (1, ["a", "b", "c"])


async def test_a_double_click_is_one_answer_and_a_second_turns_answer_is_none(
    place: World, steps: Steps, name: str
) -> None:
    steps.acts[name, "b"] = asks("one?", "two?")
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name))
        await asks_for(running, name, "one?")
        await asyncio.gather(*(resume(running, name, "first", "click-1") for _ in range(3)))
        await asks_for(running, name, "two?")
        await resume(running, name, "first", "click-1")
        with pytest.raises(WrongAnswer, match="Idempotency-Key"):
            await resume(running, name, "other", "click-1")
        assert await asked(running, name) == await asks_for(running, name, "two?")
        await resume(running, name, "first", "click-2")
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert end.data["result"]["final_state"]["done"] == ["a", "b=first+first", "c"]


async def test_every_job_that_waits_says_why(place: World, steps: Steps, name: str) -> None:
    thread, later = unique("thread"), unique()
    steps.acts[name, "b"] = asks("sure?")
    steps.acts[later, "b"] = fails(1, ConnectionError())
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name, thread))
        await becomes(place, name, "interrupted")
        await place.publish(job(later, thread))
        await becomes(place, later, "parked")

        async def why(job_id: str) -> dict[str, Any] | None:
            found = await running.resources.register.job(job_id)
            assert found is not None
            return found.waiting

        assert [await why(name), await why(later)] == [{"for": "person"}, {"for": "thread", "job": name}]
        await resume(running, name, "yes")
        assert await at_rest(place, name, later) == {name: "completed", later: "completed"}
        assert [await why(name), await why(later)] == [None, None]


async def test_an_approval_that_cannot_be_right_changes_nothing(place: World, name: str) -> None:
    definition = deep(interrupt_on={"write_file": {"allowed_decisions": ["approve", "reject"]}})
    turns = ({"call": [writing("/note", "calm sea")]}, {"say": "Done."})
    wrong: list[Any] = [
        [], None, "approve", {}, {"decisions": []}, {"decisions": [{"type": "aprove"}]},
        {"decisions": [{"type": "edit", "edited_action": {"name": "write_file", "args": {}}}]},
        {"decisions": [{"type": "approve"}, {"type": "approve"}]}, [{"type": "accept"}],
    ]  # fmt: skip
    async with working(place.environment) as running:
        await place.publish(event(name, *turns, definition=definition))
        await becomes(place, name, "interrupted")
        for answer in wrong:
            with pytest.raises(WrongAnswer):
                await resume(running, name, answer)
        await resume(running, name, {"decisions": [{"type": "approve"}]})
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert end.data["attempts"] == 1


async def test_an_answer_outlives_the_worker_that_took_it(place, fork, name):
    definition = deep(interrupt_on={"write_file": True})
    turns = ({"call": [writing("/note", "calm sea")]}, {"say": "Done."})
    async with working(place.environment) as running:
        await place.publish(event(name, *turns, definition=definition))
        await becomes(place, name, "interrupted")
        await resume(running, name, {"decisions": [{"type": "approve"}]})
        await at_rest(place, name)
    other = unique()
    async with working(place.environment) as running:
        await place.publish(event(other, *turns, definition=definition))
        await becomes(place, other, "interrupted")
    dying = fork(**{Env.EXECUTOR_CRASH_AT: "claimed"})
    async with working(place.environment, EXECUTOR_CONCURRENCY="1") as running:
        running.stop.set()
        await running.resources.register.resume(other, {"decisions": [{"type": "approve"}]})
    assert await dying.ended() == -signal.SIGKILL
    async with working(place.environment):
        assert await at_rest(place, name, other) == {name: "completed", other: "completed"}
    attempts = {fact.event["subject"]: fact.data["attempts"] for fact in await place.terminal()}
    assert attempts == {name: 1, other: 2}
