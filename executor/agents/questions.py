"""What a thread asks people: its interrupts, and the breakpoints of its graph."""

from collections.abc import Sequence
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.types import All, StateSnapshot

from executor.agents.state import as_json

Graph = CompiledStateGraph[Any, Any, Any, Any]


def questions_of(snapshot: StateSnapshot, *, at_breakpoint: bool = False) -> list[dict[str, Any]]:
    """Each interrupt as JSON, with its `id`, `value` and the `node` that asks.

    A graph that came to a stop with nodes ahead and nothing to ask is `at_breakpoint`: that is one question.
    """
    asked = [as_json(interrupt) | {"node": task.name} for task in snapshot.tasks for interrupt in task.interrupts]
    open_ids = {interrupt.id for interrupt in snapshot.interrupts}
    asked = [question for question in asked if question["id"] in open_ids]
    return asked or ([_breakpoint(snapshot)] if at_breakpoint and snapshot.next else [])


def cut_short(snapshot: StateSnapshot) -> set[str]:
    """The ids of what tasks asked that were cancelled when another failed: their answers are not to blame."""
    cancelled = [task for task in snapshot.tasks if "CancelledError" in str(task.error)]
    return {interrupt.id for task in cancelled for interrupt in task.interrupts}


async def passed_breakpoint(graph: Graph, snapshot: StateSnapshot) -> list[dict[str, Any]]:
    """The breakpoint at which the thread stands, where its worker may have died before it could say so."""
    names = {task.name for task in snapshot.tasks}
    if not names:
        return []
    is_before = _any_of(names, graph.interrupt_before_nodes)
    if is_before or (graph.interrupt_after_nodes and await _is_after(graph, snapshot)):
        return [_breakpoint(snapshot)]
    return []


async def _is_after(graph: Graph, snapshot: StateSnapshot) -> bool:
    """Whether what ran last is one of the nodes after which the graph stops."""
    if snapshot.parent_config is None:
        return False
    parent = await graph.aget_state(snapshot.parent_config)
    return _any_of({task.name for task in parent.tasks}, graph.interrupt_after_nodes)


def _any_of(names: set[str], stops: All | Sequence[str]) -> bool:
    return bool(names - {"__start__"}) if stops == "*" else bool(names & {*stops})


def _breakpoint(snapshot: StateSnapshot) -> dict[str, Any]:
    step = (snapshot.metadata or {}).get("step")
    nodes = list(snapshot.next) or [task.name for task in snapshot.tasks]
    return {"id": f"breakpoint-{step}-{'-'.join(sorted(nodes))}", "value": {"breakpoint": nodes}, "node": nodes[0]}
