"""Threads: made, noted, looked for and forgotten."""

import asyncio
import uuid
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from executor.api.json_response import Json
from executor.api.problems import Problem
from executor.faces.langgraph import shown
from executor.faces.langgraph.assistants import Limit, Offset
from executor.faces.langgraph.bodies import Body, JsonObject, NotServed, check_storable
from executor.faces.langgraph.face import Desk, Face
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id
from executor.jobs.envelope import LONGEST_ID
from executor.jobs.threads import Page, SortBy, Thread, ThreadBusy, ThreadExists, ThreadFilter, ThreadStatus

UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such thread"}}
AT_REST: dict[int | str, dict[str, Any]] = {409: {"description": "A run of it has not ended"}}
SORTED_BY: dict[str, SortBy] = {"state_updated_at": "updated_at", "created_at": "created_at", "thread_id": "thread_id"}


class NewThread(Body):
    """A thread that is to be made."""

    thread_id: str | None = Field(None, min_length=1, max_length=LONGEST_ID)
    metadata: JsonObject = Field(default_factory=dict)
    if_exists: Literal["raise", "do_nothing"] = "raise"
    graph_id: str | None = None
    supersteps: NotServed = None
    ttl: NotServed = None


class Notes(Body):
    """What is noted of a thread, in place of what was noted by the same names."""

    metadata: JsonObject
    ttl: NotServed = None


class Count(Body):
    """Which threads are meant."""

    metadata: JsonObject | None = None
    status: ThreadStatus | None = None
    values: NotServed = None


class Search(Count):
    """Which threads are meant, and how they are shown."""

    ids: list[str] | None = None
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["thread_id", "created_at", "updated_at", "state_updated_at"] = "updated_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[str] | None = None
    extract: NotServed = None


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])
    _many(routes, face)
    _one(routes, face)
    return routes


def _many(routes: APIRouter, face: Face) -> None:
    @routes.post("/threads", responses={409: {"description": "There is one of this id"}})
    async def create(body: NewThread) -> Json:
        """Make a thread before it has a run."""
        check_storable(body)
        noted = ({"graph_id": body.graph_id} if body.graph_id else {}) | body.metadata
        threads = face.open_desk().threads
        try:
            made = await threads.create(body.thread_id or str(uuid.uuid4()), noted, if_exists=body.if_exists)
        except ThreadExists as error:
            raise Problem(HTTPStatus.CONFLICT, str(error), field="thread_id") from None
        return Json(shown.thread(made, None))

    @routes.post("/threads/search")
    async def search(body: Search) -> Json:
        """Threads, with what they hold."""
        check_storable(body)
        desk = face.open_desk()
        by: SortBy = SORTED_BY.get(body.sort_by, "updated_at")
        page = Page(by, is_descending=body.sort_order == "desc", limit=body.limit, offset=body.offset)
        found = await desk.threads.search(ThreadFilter(body.metadata or None, body.status, None, body.ids), page)
        whole = body.select is None or not {"values", "interrupts"}.isdisjoint(body.select)
        held = await asyncio.gather(*(_shown(desk, each, whole=whole) for each in found))
        return Json([shown.picked(each, body.select) for each in held])

    @routes.post("/threads/count")
    async def count(body: Count) -> Json:
        """How many there are."""
        check_storable(body)
        return Json(await face.open_desk().threads.count(ThreadFilter(body.metadata or None, body.status)))


def _one(routes: APIRouter, face: Face) -> None:
    @routes.get("/threads/{thread_id}", responses=UNKNOWN)
    async def get(thread_id: Id) -> Json:
        """One thread, with what it holds."""
        desk = face.open_desk()
        return Json(await _shown(desk, await known(desk, thread_id), whole=True))

    @routes.patch("/threads/{thread_id}", responses=UNKNOWN)
    async def patch(thread_id: Id, body: Notes) -> Json:
        """Note something of it."""
        check_storable(body)
        found = await face.open_desk().threads.patch(thread_id, body.metadata)
        if found is None:
            raise unknown(thread_id)
        return Json(shown.thread(found, None))

    @routes.delete("/threads/{thread_id}", status_code=HTTPStatus.NO_CONTENT, responses=UNKNOWN | AT_REST)
    async def delete(thread_id: Id) -> None:
        """Forget it, its runs and its checkpoints."""
        desk = face.open_desk()
        try:
            was_there = await desk.threads.delete(thread_id, desk.forget)
        except ThreadBusy as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from None
        if not was_there:
            raise unknown(thread_id)


async def known(desk: Desk, thread_id: str) -> Thread:
    """The thread of this id; a 404 where there is none."""
    found = await desk.threads.get(thread_id)
    if found is None:
        raise unknown(thread_id)
    return found


def unknown(thread_id: str) -> Problem:
    """The answer about a thread that is not there."""
    return Problem(HTTPStatus.NOT_FOUND, f"no thread {thread_id!r}")


async def _shown(desk: Desk, found: Thread, *, whole: bool) -> JsonObject:
    return shown.thread(found, await desk.states.current(found.thread_id) if whole else None)
