"""A graph that both images load: START, a, b, c, END. Each step writes down who began it, then does what its job says.

Nothing of ours may come in: the landed image has another tree.
"""

import asyncio
import operator
import os
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

NODES = "abc"
IMAGE = os.environ["UPGRADE_IMAGE"]
FOLDER = Path(os.environ["UPGRADE_FOLDER"])
POLL_SECONDS = 0.02
ERRORS = {"fail": ValueError("the step fails"), "away": ConnectionError("the world is away")}


class State(TypedDict):
    """`acts` are those of each step in order: `wait`, `fail` or `away` until it is opened, or a question to people."""

    job: str
    acts: dict[str, list[str]]
    done: Annotated[list[str], operator.add]


def _step(name: str) -> Any:
    async def step(state: State) -> dict[str, list[str]]:
        _note(state["job"], f"{name}@{IMAGE}")
        answers = [await _act(act, state["job"], name) for act in state["acts"].get(name, ())]
        return {"done": [f"{name}@{IMAGE}", *filter(None, answers)]}

    return step


async def _act(act: str, job: str, step: str) -> str | None:
    if act not in {"wait", *ERRORS}:
        return str(interrupt(act))
    while not _is_open(job, step):
        if act in ERRORS:
            raise ERRORS[act]
        await asyncio.sleep(POLL_SECONDS)
    return None


def _is_open(job: str, step: str) -> bool:
    return (FOLDER / f"{job}.{step}.open").exists()


def _note(job: str, word: str) -> None:
    with (FOLDER / f"{job}.begun").open("a") as begun:
        begun.write(f"{word}\n")


def graph() -> Any:
    """The graph, for langgraph.json."""
    built: Any = StateGraph(State)
    for node in NODES:
        built.add_node(node, _step(node))
    for start, end in zip([START, *NODES], [*NODES, END], strict=True):
        built.add_edge(start, end)
    return built.compile()


def branches() -> Any:
    """Two steps that ask at once, each its own name."""
    built: Any = StateGraph(State)
    for node in ("x", "y"):
        built.add_node(node, _asking(node))
        built.add_edge(START, node)
    return built.compile()


def _asking(name: str) -> Any:
    async def step(_: State) -> dict[str, list[str]]:
        return {"done": [f"{name}={interrupt(name)}"]}

    return step
