"""Branches that ask at once: each is answered when somebody answers it, and no answer is thrown away."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from executor.jobs.answers import NotAsked, WrongAnswer
from tests.integration.durable.aftermath import at_rest
from tests.integration.durable.people import asked, asks_for, resume
from tests.integration.durable.steps import job
from tests.integration.durable.workers import working
from tests.integration.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


class Branches(TypedDict):
    job: str
    done: Annotated[list[str], operator.add]


def branches(*names: str, hold: asyncio.Event | None = None) -> Any:
    """A graph whose branches ask at once, each its own name; `hold` keeps the one after them."""
    built: Any = StateGraph(Branches)

    def branch(name: str) -> Any:
        async def ask(_: Branches) -> dict[str, list[str]]:
            return {"done": [f"{name}={interrupt(name)}"]}

        return ask

    async def after(_: Branches) -> dict[str, list[str]]:
        if hold is not None:
            await hold.wait()
        return {"done": ["after"]}

    built.add_node("after", after)
    for name in names:
        built.add_node(name, branch(name))
        built.add_edge(START, name)
    built.add_edge(list(names), "after")
    built.add_edge("after", END)
    return built.compile()


async def test_questions_asked_at_once_are_answered_one_by_one(place: World, name: str) -> None:
    async with working(place.environment, branches("x", "y", "z")) as running:
        await place.publish(job(name))
        ids = await asks_for(running, name, "x", "y", "z")
        with pytest.raises(WrongAnswer, match="several questions are open"):
            await resume(running, name, "which?")
        await resume(running, name, {ids["y"]: "1"})
        await asks_for(running, name, "x", "z")
        await resume(running, name, {ids["y"]: "1"})  # twice is once
        with pytest.raises(NotAsked):
            await resume(running, name, {ids["y"]: "2"})
        await resume(running, name, {ids["x"]: "2", ids["z"]: "3"})
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert sorted(end.data["result"]["final_state"]["done"][:-1]) == ["x=2", "y=1", "z=3"]
    assert end.data["attempts"] == 1


async def test_an_answer_that_comes_while_the_job_runs_is_kept_and_taken(place: World, name: str) -> None:
    """One branch goes on from its answer, slowly; the other's answer comes meanwhile."""
    hold, begun = asyncio.Event(), asyncio.Event()

    def graph() -> Any:
        async def slow(_: Branches) -> dict[str, list[str]]:
            answer = interrupt("slow")
            begun.set()
            await hold.wait()
            return {"done": [f"slow={answer}"]}

        async def other(_: Branches) -> dict[str, list[str]]:
            return {"done": [f"other={interrupt('other')}"]}

        built: Any = StateGraph(Branches)
        for node in (slow, other):
            built.add_node(node.__name__, node)
            built.add_edge(START, node.__name__)
        return built.compile()

    async with working(place.environment, graph()) as running:
        await place.publish(job(name))
        ids = await asks_for(running, name, "slow", "other")
        await resume(running, name, {ids["slow"]: "1"})
        await begun.wait()
        assert await asked(running, name) == {"other": ids["other"]}
        await resume(running, name, {ids["other"]: "2"})
        hold.set()
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert sorted(end.data["result"]["final_state"]["done"]) == ["other=2", "slow=1"]
    assert end.data["attempts"] == 1


async def test_a_right_answer_outlives_the_wrong_one_beside_it(place: World, name: str) -> None:
    """The step that one answer is given to is cut short when the other answer fails its own."""
    taken: list[str] = []

    async def right(_: Branches) -> dict[str, list[str]]:
        answer = interrupt("right")
        await asyncio.sleep(0.05 if taken else 60)  # the first time it is cut short
        return {"done": [f"right={answer}"]}

    async def wrong(_: Branches) -> dict[str, list[str]]:
        if (answer := interrupt("wrong")) == "no date":
            await asyncio.sleep(0.1)
            taken.append(answer)
            raise ValueError(answer)
        return {"done": [f"wrong={answer}"]}

    built: Any = StateGraph(Branches)
    for node in (right, wrong):
        built.add_node(node.__name__, node)
        built.add_edge(START, node.__name__)
    async with working(place.environment, built.compile()) as running:
        await place.publish(job(name))
        ids = await asks_for(running, name, "right", "wrong")
        await resume(running, name, {ids["right"]: "1", ids["wrong"]: "no date"})
        await asks_for(running, name, "wrong")
        await resume(running, name, "2")
        assert await at_rest(place, name) == {name: "completed"}
    [end] = await place.terminal()
    assert sorted(end.data["result"]["final_state"]["done"]) == ["right=1", "wrong=2"]
