"""A limit of steps is of the job: LangGraph counts anew with each run, and we do not."""

import operator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph._internal._config import DEFAULT_RECURSION_LIMIT
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from executor.agents.run import Run
from executor.errors import StepLimit
from executor.jobs.claims import Claim
from executor.jobs.job import JobRequest
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio


class State(TypedDict):
    turns: Annotated[list[int], operator.add]


class Loop:
    """One step that leads to itself; it fails in each run's `fails_after`-th."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.turns = self.of_run = 0
        self.fails_after = fails_after
        built: Any = StateGraph(State)
        built.add_node("turn", self._turn)
        built.add_edge(START, "turn")
        built.add_edge("turn", "turn")
        self.graph = built.compile(checkpointer=InMemorySaver())

    async def _turn(self, _: State) -> dict[str, list[int]]:
        self.of_run += 1
        if self.of_run == self.fails_after:
            raise ConnectionError
        self.turns += 1
        return {"turns": [self.turns]}

    async def run(self, epoch: int, limit: int | None) -> None:
        self.of_run = 0
        job = JobRequest("j", "t", {}, {"turns": []}, recursion_limit=limit)
        await Run(self.graph, job, Claim("j", epoch, 1, 0.0, EPOCH), lambda _: None).finish()


async def test_a_job_may_set_its_limit():
    loop = Loop()
    with pytest.raises(StepLimit, match="Recursion limit of 7 reached"):
        await loop.run(1, 7)
    assert loop.turns == 7


@pytest.mark.parametrize("fails_after", [2, 3])
async def test_it_counts_across_runs_but_for_two_steps(fails_after):
    """LangGraph takes two steps more than its limit says where a run goes on from a checkpoint."""
    loop, limit = Loop(fails_after), 9
    for epoch in range(1, 30):
        try:
            await loop.run(epoch, limit)
        except StepLimit:
            break
        except ConnectionError:
            continue
    assert limit <= loop.turns <= limit + 2


async def test_the_graphs_own_limit_holds_where_the_job_sets_none():
    loop = Loop(2)
    loop.graph = loop.graph.with_config(recursion_limit=4)
    with pytest.raises(ConnectionError):
        await loop.run(1, None)
    loop.fails_after = None
    with pytest.raises(StepLimit):
        await loop.run(2, None)
    assert loop.turns <= 6


def test_the_limit_of_a_graph_that_has_none_is_langgraphs():
    assert int(DEFAULT_RECURSION_LIMIT) >= 10_000
