"""What a thread holds and held: `/threads/{id}/state` and `/threads/{id}/history`."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from executor.api.json_response import Json
from executor.api.problems import Problem
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id
from executor.jobs.states import Slice, Spot, TaskState, ThreadState

UNREAD = "executor_unread"  # in the metadata of a state of which not all could be read
LONGEST = 1000
NO_THREAD: dict[int | str, dict[str, Any]] = {404: {"description": "No such thread, or no such checkpoint of it"}}

Subgraphs = Annotated[bool, Query()]
Limit = Annotated[int, Query(ge=1, le=LONGEST)]


class CheckpointNamed(BaseModel):
    """A checkpoint as clients name it; without an id it is the last one."""

    thread_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: str | None = None
    checkpoint_map: dict[str, Any] | None = None


class Configured(BaseModel):
    """The same inside the configuration of a run."""

    configurable: CheckpointNamed


class StateAsked(BaseModel):
    """Which state is asked for."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: CheckpointNamed
    subgraphs: bool = False


class HistoryAsked(BaseModel):
    """Which part of a history is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=LONGEST)
    before: str | Configured | CheckpointNamed | None = Field(None, union_mode="left_to_right")
    checkpoint: CheckpointNamed | None = None
    metadata: dict[str, Any] | None = None


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])
    _states(routes, face)
    _histories(routes, face)
    return routes


def _states(routes: APIRouter, face: Face) -> None:
    @routes.get("/threads/{thread_id}/state", responses=NO_THREAD)
    async def state(thread_id: Id, *, subgraphs: Subgraphs = False) -> Json:
        """What the thread holds where it stands, what it asks people, and what comes next."""
        return await _answer(face, Spot(thread_id), subgraphs=subgraphs)

    @routes.post("/threads/{thread_id}/state", responses={501: {"description": "Always"}})
    async def update(thread_id: Id) -> Json:
        """Refused: a state is written by jobs alone."""
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, f"the state of thread {thread_id!r} is written by its runs alone")

    @routes.post("/threads/{thread_id}/state/checkpoint", responses=NO_THREAD)
    async def state_named(thread_id: Id, asked: StateAsked) -> Json:
        """The same of a checkpoint, or of a graph inside the thread's."""
        spot = Spot(thread_id, asked.checkpoint.checkpoint_ns or "", asked.checkpoint.checkpoint_id)
        return await _answer(face, spot, subgraphs=asked.subgraphs)

    @routes.get("/threads/{thread_id}/state/{checkpoint_id}", responses=NO_THREAD)
    async def state_at(thread_id: Id, checkpoint_id: Id, *, subgraphs: Subgraphs = False) -> Json:
        """The same of a checkpoint."""
        return await _answer(face, Spot(thread_id, "", checkpoint_id), subgraphs=subgraphs)


def _histories(routes: APIRouter, face: Face) -> None:
    @routes.post("/threads/{thread_id}/history", responses=NO_THREAD)
    async def history(thread_id: Id, asked: HistoryAsked) -> Json:
        """The states of the thread, the newest first."""
        namespace = (asked.checkpoint and asked.checkpoint.checkpoint_ns) or ""
        return await _told(face, thread_id, Slice(asked.limit, _id(asked.before), asked.metadata), namespace)

    @routes.get("/threads/{thread_id}/history", responses=NO_THREAD)
    async def short_history(thread_id: Id, limit: Limit = 10, before: str | None = None) -> Json:
        """The same."""
        return await _told(face, thread_id, Slice(limit, before), "")


async def _answer(face: Face, spot: Spot, *, subgraphs: bool) -> Json:
    states = face.open_desk().states
    if spot.checkpoint_id is None:
        found = await states.current(spot.thread_id, spot.ns, subgraphs=subgraphs)
    else:
        found = await states.at(spot.thread_id, spot.checkpoint_id, spot.ns, subgraphs=subgraphs)
    if found is None:
        checkpoint = "" if spot.checkpoint_id is None else f" with a checkpoint {spot.checkpoint_id!r}"
        raise Problem(HTTPStatus.NOT_FOUND, f"no thread {spot.thread_id!r}{checkpoint}")
    return Json(shown(found))


async def _told(face: Face, thread_id: str, part: Slice, namespace: str) -> Json:
    desk = face.open_desk()
    if "\0" in thread_id or await desk.threads.get(thread_id) is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no thread {thread_id!r}")
    return Json([shown(state) for state in await desk.states.history(thread_id, part, namespace)])


def _id(before: str | CheckpointNamed | Configured | None) -> str | None:
    if before is None or isinstance(before, str):
        return before
    return before.configurable.checkpoint_id if isinstance(before, Configured) else before.checkpoint_id


def shown(state: ThreadState) -> dict[str, Any]:
    """A state as the protocol has it; what could not be read is told in its metadata."""
    return {
        "values": state.values,
        "next": state.next,
        "tasks": [_task(task) for task in state.tasks],
        "interrupts": state.interrupts,
        "checkpoint": _place(state.spot),
        "metadata": state.metadata | ({UNREAD: state.unread} if state.unread else {}),
        "created_at": state.created_at,
        "parent_checkpoint": state.parent and _place(state.parent),
    }


def _task(task: TaskState) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "path": task.path,
        "error": task.error,
        "interrupts": task.interrupts,
        "checkpoint": task.spot and _place(task.spot),
        "state": task.state and shown(task.state),
        "result": task.result,
    }


def _place(spot: Spot) -> dict[str, Any]:
    return {"thread_id": spot.thread_id, "checkpoint_ns": spot.ns, "checkpoint_id": spot.checkpoint_id}
