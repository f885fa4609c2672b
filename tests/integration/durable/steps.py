"""A small graph whose steps do what a test says: START, a, b, c, END."""

import asyncio
import operator
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from tests.integration.world import enveloped

NODES = "abc"
AWAY = OSError("the world is away")
Act = Callable[[], Awaitable[Any]]


class State(TypedDict):
    job: str
    done: Annotated[list[str], operator.add]


@dataclass(frozen=True)
class Steps:
    """What each step of each job does, and in which order they began, whoever ran them."""

    acts: dict[tuple[str, str], Act] = field(default_factory=dict)
    begun: list[tuple[str, str]] = field(default_factory=list)

    def graph(self) -> Any:
        built: Any = StateGraph(State)
        for node in NODES:
            built.add_node(node, self._node(node))
        for start, end in zip([START, *NODES], [*NODES, END], strict=True):
            built.add_edge(start, end)
        return built.compile()

    def of(self, job: str) -> str:
        """The steps of a job, each time that it began."""
        return "".join(node for mine, node in self.begun if mine == job)

    def _node(self, name: str) -> Any:
        async def step(state: State) -> Any:
            self.begun.append((state["job"], name))
            answer = await self.acts[state["job"], name]() if (state["job"], name) in self.acts else None
            return {"done": [f"{name}={answer}" if isinstance(answer, str) else name]}

        return step


def until(event: asyncio.Event) -> Act:
    """A step that ends when the event comes."""
    return event.wait


def fails(times: int = sys.maxsize, error: Exception = AWAY) -> Act:
    """Fails so many times, then works."""
    left = iter(range(times))

    async def act() -> None:
        if next(left, None) is not None:
            raise error

    return act


def asks(*questions: str) -> Act:
    """One interrupt after another; the answers become the step's."""

    async def act() -> str:
        return "+".join([interrupt(question) for question in questions])

    return act


def job(job_id: str, thread: str | None = None, **attributes: Any) -> dict[str, Any]:
    """An event that asks for these steps."""
    data = {"job_id": job_id, "agent_definition": {}, "input_payload": {"job": job_id, "done": []}}
    return enveloped(data | ({"thread_id": thread} if thread else {}), **attributes)
