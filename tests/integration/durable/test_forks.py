"""Jobs that begin from an earlier checkpoint of their thread."""

import itertools
import operator
import signal
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph

from contract import Env
from executor.embedded.loopback import wait_until
from executor.embedded.model import Model
from tests.integration.durable.aftermath import at_rest
from tests.integration.durable.people import asks_for, resume
from tests.integration.durable.steps import AWAY, Act, asks, fails
from tests.integration.durable.test_kills import calls, work
from tests.integration.durable.workers import Forked, Running, submit, working
from tests.integration.world import World, enveloped, unique

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

CHECKPOINTS = """
SELECT checkpoint_id AS id, parent_checkpoint_id AS parent,
       metadata ->> 'job_id' AS job, metadata ->> 'source' AS source
FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = '' ORDER BY checkpoint_id
"""


class State(TypedDict):
    job: str
    done: Annotated[list[str], operator.add]
    seen: Annotated[list[str], DeltaChannel(lambda state, writes: [*(state or []), *itertools.chain(*writes)])]


class Story:
    """A graph of three steps; `acts` are what each step of each job does beside, and `begun` who began which."""

    def __init__(self) -> None:
        self.acts: dict[tuple[str, str], Act] = {}
        self.begun: list[tuple[str, str]] = []

    def graph(self) -> Any:
        built: Any = StateGraph(State)
        for name in "abc":
            built.add_node(name, self._step(name))
        for start, end in itertools.pairwise([START, *"abc", END]):
            built.add_edge(start, end)
        return built.compile()

    def _step(self, name: str) -> Any:
        async def step(state: State) -> Any:
            self.begun.append((state["job"], name))
            act = self.acts.get((state["job"], name))
            answer = await act() if act else None
            said = f"{state['job']}.{name}" + (f"={answer}" if isinstance(answer, str) else "")
            return {"done": [said], "seen": [said]}

        return step


def job(job_id: str, payload: Any = ..., **data: Any) -> dict[str, Any]:
    given = {"job": job_id, "done": [job_id], "seen": [job_id]} if payload is ... else payload
    return enveloped({"job_id": job_id, "thread_id": "t", "agent_definition": {}, "input_payload": given, **data})


async def checkpoints(running: Running) -> list[dict[str, Any]]:
    async with running.pool.connection() as connection:
        return await (await connection.execute(CHECKPOINTS, ["t"])).fetchall()


async def ended(place: World, *jobs: str) -> Iterator[Any]:
    """The results of the jobs in order."""
    await at_rest(place, *jobs)
    facts = {fact.event["subject"]: fact for fact in await place.terminal()}
    return (facts[name] for name in jobs)


def of(fact: Any) -> tuple[list[str], list[str]]:
    state = fact.data["result"]["final_state"]
    return state["done"], state["seen"]


@pytest.fixture
def story() -> Story:
    return Story()


async def test_a_fork_begins_where_it_says_and_the_next_job_goes_on_from_the_fork(place: World, story: Story) -> None:
    async with working(place.environment, story.graph()) as running:
        await place.publish(job("one"))
        await at_rest(place, "one")
        [_, _, after_a, *_] = before = await checkpoints(running)
        await place.publish(job("two", checkpoint_id=after_a["id"]))
        await at_rest(place, "two")
        await place.publish(job("three"))
        _, two, three = await ended(place, "one", "two", "three")
        now = await checkpoints(running)
    told = ["one", "one.a", "two", "two.a", "two.b", "two.c"]
    assert of(two) == (told, told)
    told += ["three", "three.a", "three.b", "three.c"]
    assert of(three) == (told, told)
    first = next(each for each in now if each["job"] == "two")
    assert (first["parent"], first["source"]) == (after_a["id"], "input")
    assert now[: len(before)] == before


async def test_a_fork_without_an_input_takes_the_steps_that_follow_anew(place: World, story: Story) -> None:
    async with working(place.environment, story.graph()) as running:
        await place.publish(job("one"))
        await at_rest(place, "one")
        [_, _, after_a, *_] = await checkpoints(running)
        await place.publish(job("two", None, checkpoint_id=after_a["id"]))
        _, two = await ended(place, "one", "two")
        first = next(each for each in await checkpoints(running) if each["job"] == "two")
    assert story.begun == [("one", "a"), ("one", "b"), ("one", "c"), ("one", "b"), ("one", "c")]
    assert of(two) == (["one", "one.a", "one.b", "one.c"], ["one", "one.a", "one.b", "one.c"])
    assert (first["parent"], first["source"]) == (after_a["id"], "fork")


@pytest.mark.parametrize("payload", [..., None])
async def test_a_fork_that_is_tried_again_goes_on_from_its_own_last_checkpoint(
    place: World, story: Story, payload: Any
) -> None:
    who = "one" if payload is None else "two"
    async with working(place.environment, story.graph()) as running:
        await place.publish(job("one"))
        await at_rest(place, "one")
        story.begun.clear()
        story.acts = {(who, "b"): fails(2), (who, "c"): fails(1, AWAY)}
        [_, begin, *_] = await checkpoints(running)
        await place.publish(job("two", payload, checkpoint_id=begin["id"]))
        _, two = await ended(place, "one", "two")
    assert story.begun == [(who, step) for step in "abbbcc"]
    assert of(two)[0] == ["one", *(["two"] if who == "two" else []), f"{who}.a", f"{who}.b", f"{who}.c"]
    assert two.data["attempts"] == 4


async def test_a_fork_may_ask_and_is_answered_on_its_own_branch(place: World, story: Story) -> None:
    async with working(place.environment, story.graph()) as running:
        await place.publish(job("one"))
        await at_rest(place, "one")
        story.acts = {("two", "b"): asks("sure?")}
        [_, _, after_a, *_] = await checkpoints(running)
        await place.publish(job("two", checkpoint_id=after_a["id"]))
        await asks_for(running, "two", "sure?")
        await resume(running, "two", "yes")
        _, two = await ended(place, "one", "two")
    assert of(two)[0] == ["one", "one.a", "two", "two.a", "two.b=yes", "two.c"]


@pytest.mark.parametrize("known", [True, False])
async def test_a_checkpoint_that_the_thread_has_not_ends_the_job_and_is_named(
    place: World, story: Story, *, known: bool
) -> None:
    async with working(place.environment, story.graph()):
        if known:
            await place.publish(job("one"))
            await at_rest(place, "one")
            story.begun.clear()
        await place.publish(job("two", checkpoint_id="nobody's"))
        [two] = await ended(place, "two")
    assert story.begun == []
    assert (two.word, two.data["error"]["type"], two.data["error"]["attempts"]) == ("failed", "unknown_checkpoint", 1)
    assert two.data["error"]["message"] == 'data.checkpoint_id: the thread has no checkpoint "nobody\'s"'


async def test_a_fork_over_http_is_taken_and_shows_what_was_noted_of_it(place: World, story: Story) -> None:
    async with working(place.environment, story.graph()) as running:
        await submit(running, job("one"))
        await at_rest(place, "one")
        [_, _, after_a, *_] = await checkpoints(running)
        await submit(running, job("two", checkpoint_id=after_a["id"], metadata={"why": "edited"}))
        await at_rest(place, "two")
        one, two = [await running.resources.register.job(name) for name in ("one", "two")]
        assert one
        assert two
        assert (one.metadata, two.metadata, two.status) == (None, {"why": "edited"}, "completed")
        [pod] = await _pods(running)
        assert {"metadata", "checkpoint_id"} <= {*pod["features"]}
    assert await place.rows("SELECT pod FROM pods") == []


async def _pods(running: Running) -> list[dict[str, Any]]:
    async def said() -> bool:
        async with running.pool.connection() as connection:
            rows.extend(await (await connection.execute("SELECT * FROM pods")).fetchall())
        return bool(rows)

    rows: list[dict[str, Any]] = []
    await wait_until("the pod said that it is alive", said)
    return rows


async def test_a_fork_of_a_deep_agent_goes_on_elsewhere_where_its_worker_died(
    place: World, fork: Callable[..., Forked], model: Model
) -> None:
    one, two = unique(), unique()
    async with working(place.environment) as running:
        await place.publish(work(one, thread_id="t"))
        await at_rest(place, one)
        steps = await checkpoints(running)
    dying = fork(**{Env.EXECUTOR_CRASH_AT: "running"})
    await place.publish(work(two, thread_id="t", checkpoint_id=steps[len(steps) // 2]["id"]))
    assert await dying.ended() == -signal.SIGKILL
    async with working(place.environment):
        first, second = await ended(place, one, two)
    before, after = [fact.data["result"]["final_state"]["messages"] for fact in (first, second)]
    asked = next(n for n, each in enumerate(after) if each["type"] == "human" and two in str(each["data"]["content"]))
    assert 0 < asked < len(before)
    assert [each["data"]["id"] for each in after[:asked]] == [each["data"]["id"] for each in before[:asked]]
    assert after[-1]["data"]["content"] == "Done."
    assert sorted({*calls(model, two)}) == [0, 1, 2]
    assert second.data["attempts"] == 2
