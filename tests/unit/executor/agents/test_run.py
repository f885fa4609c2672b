"""One job on its thread: from its input, from its last checkpoint, to its end."""

import asyncio
import operator
from collections import Counter
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from executor.agents.run import Run
from executor.agents.state import as_json
from executor.errors import Drained
from executor.jobs.claims import Claim
from executor.jobs.job import Completed, Interrupted, JobRequest
from tests.fakes import EPOCH
from tests.unit.executor.conftest import until_true

pytestmark = pytest.mark.anyio


class Trail(TypedDict):
    """The steps that a thread went through."""

    steps: Annotated[list[str], operator.add]


def claim(job, epoch):
    return Claim(job, epoch, epoch, 0.0, EPOCH)


class Dying(InMemorySaver):
    """Keeps what a step wrote, and then not the checkpoint that follows it: `after` says of which step."""

    after: int | None = None

    async def aput(self, config, checkpoint, metadata, new_versions):
        if metadata["step"] == self.after:
            raise ConnectionError(self.after)
        return await super().aput(config, checkpoint, metadata, new_versions)


class Steps:
    """A graph of steps in a row; `broken` names one that fails, `gate` holds one up, `taken` counts them all."""

    def __init__(self, *names):
        self.taken = []
        self.epochs: Counter[str] = Counter()
        self.broken = None
        self.held = {}
        self.saver = Dying()
        builder = StateGraph(Trail)
        for name, follower in zip(names, [*names[1:], END], strict=True):
            builder.add_node(name, self._step(name))
            builder.add_edge(name, follower)
        builder.add_edge(START, names[0])
        self.graph = builder.compile(checkpointer=self.saver)

    def run(self, job, thread="th", emit=lambda _: None):
        """The next attempt of a job."""
        self.epochs[job] += 1
        asked = JobRequest(job, thread, {}, {"steps": [f"input of {job}"]})
        return Run(self.graph, asked, claim(job, self.epochs[job]), emit)

    def _step(self, name):
        async def step(_):
            self.taken.append(name)
            if name in self.held:
                await self.held[name].wait()
            if name == self.broken:
                raise ConnectionError(name)
            return {"steps": [name]}

        return step


@pytest.fixture
def steps():
    return Steps("first", "second")


async def test_a_job_runs_from_its_input_to_its_end_and_tells_what_happens(steps):
    told: list[Any] = []
    result = await steps.run("a", emit=told.append).finish()
    assert result == Completed(None, {"steps": ["input of a", "first", "second"]})
    assert [(body.type, body.node) for body in told] == [
        ("checkpoint", ""),
        ("checkpoint", ""),
        ("node_start", "first"),
        ("state", "first"),
        ("node_end", "first"),
        ("checkpoint", ""),
        ("node_start", "second"),
        ("state", "second"),
        ("node_end", "second"),
        ("checkpoint", ""),
    ]


async def test_each_checkpoint_is_told_once_it_is_there_but_for_that_of_the_input(steps):
    told: list[dict[str, Any]] = []

    def emit(body):
        if body.type == "checkpoint":
            kept = steps.saver.get_tuple({"configurable": {"thread_id": "th", "checkpoint_id": body.data["id"]}})
            assert kept is not None or body.data["source"] == "input"
            told.append(body.data)

    await steps.run("a", emit=emit).finish()
    assert [(each["step"], each["source"]) for each in told] == [(-1, "input"), (0, "loop"), (1, "loop"), (2, "loop")]
    assert [each["parent_id"] for each in told] == [None, *(each["id"] for each in told[:-1])]


class Pair(BaseModel):
    """A state that a subgraph's is not like, and that LangGraph would make anew of what it tells."""

    left: str
    right: str


async def test_two_graphs_that_run_at_once_are_told_apart():
    inner: Any = StateGraph(Trail)
    inner.add_node("say", lambda _: {"steps": ["said"]})
    inner.add_edge(START, "say")
    ask = inner.compile()

    async def both(_):
        await asyncio.gather(*(ask.ainvoke({"steps": []}) for _ in range(2)))
        return {"left": "x"}

    outer: Any = StateGraph(Pair)
    outer.add_node("both", both)
    outer.add_edge(START, "both")
    told: list[Any] = []
    graph = outer.compile().copy(update={"checkpointer": InMemorySaver()})
    asked = JobRequest("j", "th", {}, {"left": "a", "right": "b"})
    await Run(graph, asked, claim("j", 1), told.append).finish()
    inside = {body.ns for body in told if body.node.startswith("both/")}
    assert len(inside) == 2
    assert {ns.partition(":")[0] for ns in inside} == {"both"}


async def test_a_job_that_failed_goes_on_from_its_last_checkpoint(steps):
    steps.broken = "second"
    with pytest.raises(ConnectionError):
        await steps.run("a").finish()
    steps.broken = None
    assert await steps.run("a").finish() == Completed(None, {"steps": ["input of a", "first", "second"]})
    assert steps.taken == ["first", "second", "second"]


async def test_a_job_that_had_ended_ends_again_without_a_step(steps):
    result = await steps.run("a").finish()
    assert await steps.run("a").finish() == result
    assert steps.taken == ["first", "second"]


@pytest.mark.parametrize("step", [1, 2])
async def test_a_job_that_died_between_what_a_step_wrote_and_its_checkpoint_takes_the_other_steps(steps, step):
    steps.saver.after = step
    with pytest.raises(ConnectionError):
        await steps.run("a").finish()
    steps.saver.after = None
    assert await steps.run("a").finish() == Completed(None, {"steps": ["input of a", "first", "second"]})
    assert steps.taken == ["first", "second"]


async def test_a_job_stopped_in_its_first_step_does_not_append_its_input_twice(steps):
    steps.held["first"] = asyncio.Event()
    task = asyncio.create_task(steps.run("a").finish())
    await until_true(lambda: steps.taken)
    task.cancel()
    await asyncio.wait([task])
    steps.held.clear()
    assert await steps.run("a").finish() == Completed(None, {"steps": ["input of a", "first", "second"]})


async def test_another_job_goes_on_with_the_thread(steps):
    await steps.run("a").finish()
    result = await steps.run("b").finish()
    assert result == Completed(None, {"steps": ["input of a", "first", "second", "input of b", "first", "second"]})


async def test_threads_know_nothing_of_each_other(steps):
    await steps.run("a").finish()
    assert await steps.run("b", "other").finish() == Completed(None, {"steps": ["input of b", "first", "second"]})


async def test_a_job_after_one_that_failed_begins_with_its_own_input(steps):
    steps.broken = "second"
    with pytest.raises(ConnectionError):
        await steps.run("a").finish()
    steps.broken = None
    result = await steps.run("b").finish()
    assert result == Completed(None, {"steps": ["input of a", "first", "input of b", "first", "second"]})


async def test_a_drained_run_stops_between_two_steps_and_goes_on_elsewhere(steps):
    steps.held["first"] = asyncio.Event()
    run = steps.run("a")
    task = asyncio.create_task(run.finish())
    await until_true(lambda: steps.taken)
    run.drain()
    steps.held["first"].set()
    with pytest.raises(Drained):
        await task
    assert steps.taken == ["first"]
    assert await steps.run("a").finish() == Completed(None, {"steps": ["input of a", "first", "second"]})
    assert steps.taken == ["first", "second"]


async def test_a_run_that_is_drained_before_it_begins_takes_no_step(steps):
    run = steps.run("a")
    run.drain()
    with pytest.raises(Drained):
        await run.finish()
    assert steps.taken == []
    assert await steps.run("a").finish() == Completed(None, {"steps": ["input of a", "first", "second"]})


async def test_a_question_to_a_person_is_a_result_and_asked_again_when_the_job_comes_again():
    async def ask(_):
        return {"steps": [interrupt({"sure": "?"})]}

    builder = StateGraph(Trail).add_node("ask", ask).add_edge(START, "ask")
    graph = builder.compile(checkpointer=InMemorySaver())
    job = JobRequest("a", "th", {}, {"steps": []})
    entry_bodies: list[Any] = []
    result = await Run(graph, job, claim("a", 1), entry_bodies.append).finish()
    assert isinstance(result, Interrupted)
    assert [question["value"] for question in result.interrupts] == [{"sure": "?"}]
    told = [body.data for body in entry_bodies if body.type == "interrupt"]
    assert [each | {"node": "ask"} for each in told] == result.interrupts
    assert await Run(graph, job, claim("a", 2), entry_bodies.append).finish() == result


async def test_the_output_is_the_text_of_the_last_message_and_messages_are_dicts():
    message = AIMessage("hello", id="1")

    async def speak(_):
        return {"messages": [message]}

    builder = StateGraph(MessagesState).add_node("speak", speak).add_edge(START, "speak")
    graph = builder.compile(checkpointer=InMemorySaver())
    result = await Run(graph, JobRequest("a", "th", {}, {"messages": []}), claim("a", 1), lambda _: None).finish()
    assert result == Completed("hello", {"messages": [as_json(message)]})
