"""Reads what threads hold, with the graphs that wrote it: channels that keep only what changed are made whole by them.

Without its graph a checkpoint still says what lies in it as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Interrupt, PregelTask, StateSnapshot

from executor.agents.declared import Graph
from executor.agents.state import as_flat_json, whole_as_flat_json
from executor.errors import Rejected
from executor.jobs.agents import Resolved
from executor.jobs.states import FIRST_SLICE, Slice, Spot, TaskState, ThreadState
from executor.values import text

Saver = BaseCheckpointSaver[Any]
INTERRUPT = "__interrupt__"
AT_ONCE = 3  # of the connections that the workers use as well


class StateReader:
    """`graph` gives the graph of what a job ran, or raises Rejected; `saver` one that reads.

    Every method raises TryAgain where the database fails.
    """

    def __init__(self, graph: Callable[[Resolved], Awaitable[Graph]], saver: Callable[[], Saver]) -> None:
        self._graph = graph
        self._saver = saver
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def state(self, spot: Spot, ran: Resolved, *, subgraphs: bool = False) -> ThreadState | None:
        """The state at the spot; None where there is no such checkpoint."""
        config, saver = _config(spot), self._saver()
        async with self._turns:
            try:
                graph = await self._readable(ran, saver)
            except Rejected as error:
                return await _plain(await saver.aget_tuple(config), error)
            snapshot = await graph.aget_state(config, subgraphs=subgraphs)
        return await _state(snapshot) if snapshot.metadata else None

    async def history(self, spot: Spot, ran: Resolved, part: Slice = FIRST_SLICE) -> list[ThreadState]:
        """The states of the thread in the spot's namespace, the newest first."""
        config, saver = _config(spot), self._saver()
        before = None if part.before is None else _config(spot._replace(checkpoint_id=part.before))
        async with self._turns:
            try:
                graph = await self._readable(ran, saver)
            except Rejected as error:
                found = saver.alist(config, filter=part.metadata, before=before, limit=part.limit)
                return [state async for each in found if (state := await _plain(each, error))]
            told = graph.aget_state_history(config, filter=part.metadata, before=before, limit=part.limit)
            return [await _state(snapshot) async for snapshot in told]

    async def _readable(self, ran: Resolved, saver: Saver) -> Graph:
        return (await self._graph(ran)).copy(update={"checkpointer": saver})


def _config(spot: Spot) -> RunnableConfig:
    where: dict[str, Any] = {"thread_id": spot.thread_id, "checkpoint_ns": spot.ns}
    return {"configurable": where | ({"checkpoint_id": spot.checkpoint_id} if spot.checkpoint_id else {})}


def _spot(config: RunnableConfig | None) -> Spot | None:
    if config is None:
        return None
    where = config["configurable"]
    return Spot(str(where["thread_id"]), where.get("checkpoint_ns") or "", where.get("checkpoint_id"))


async def _state(snapshot: StateSnapshot) -> ThreadState:
    return ThreadState(
        spot=_spot(snapshot.config) or Spot(""),
        values=await whole_as_flat_json(snapshot.values),
        next=snapshot.next,
        tasks=tuple([await _task(task) for task in snapshot.tasks]),
        interrupts=_interrupts(snapshot.interrupts),
        metadata=as_flat_json(snapshot.metadata or {}),
        created_at=snapshot.created_at,
        parent=_spot(snapshot.parent_config),
    )


async def _task(task: PregelTask) -> TaskState:
    inner = task.state
    return TaskState(
        id=task.id,
        name=task.name,
        path=tuple(as_flat_json(task.path)),
        error=_error(task.error),
        interrupts=_interrupts(task.interrupts),
        spot=_spot(inner.config if isinstance(inner, StateSnapshot) else inner),
        state=await _state(inner) if isinstance(inner, StateSnapshot) else None,
        result=await whole_as_flat_json(task.result),
    )


def _error(error: Any) -> str | None:
    """An exception, or its text."""
    return text(error, repr) if isinstance(error, Exception) else error


def _interrupts(asked: tuple[Interrupt, ...]) -> tuple[dict[str, Any], ...]:
    return tuple({"id": each.id, "value": as_flat_json(each.value)} for each in asked)


async def _plain(found: CheckpointTuple | None, error: Rejected) -> ThreadState | None:
    """What a checkpoint holds as it is, when its graph is gone."""
    if found is None:
        return None
    values = {name: value for name, value in found.checkpoint["channel_values"].items() if not _is_internal(name)}
    lacking = [name for name in found.checkpoint["channel_versions"] if name not in values and not _is_internal(name)]
    left_out = f"; left out: {', '.join(sorted(lacking))}" if lacking else ""
    return ThreadState(
        spot=_spot(found.config) or Spot(""),
        values=await whole_as_flat_json(values),
        interrupts=_interrupts(tuple(_asked(found.pending_writes or []))),
        metadata=as_flat_json(found.metadata),
        created_at=found.checkpoint["ts"],
        parent=_spot(found.parent_config),
        unread=f"{error}{left_out}",
    )


def _asked(writes: list[tuple[str, str, Any]]) -> list[Interrupt]:
    return [each for _, channel, value in writes if channel == INTERRUPT for each in value]


def _is_internal(channel: str) -> bool:
    return channel.startswith(("__", "branch:"))
