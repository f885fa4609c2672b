"""Runs on threads and on their own: begun, waited for, looked at, cancelled."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from executor.api.json_response import Json
from executor.api.problems import Problem
from executor.faces.langgraph import shown
from executor.faces.langgraph.begin import Begun, begin
from executor.faces.langgraph.bodies import Body, RunBody, check_storable
from executor.faces.langgraph.face import Desk, Face
from executor.faces.langgraph.follow import came_to, outcome
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id, run_at
from executor.faces.langgraph.threads import known as known_thread
from executor.jobs.job import TERMINAL, Job, JobFilter
from executor.values import dumps

RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such run, thread or assistant"}}
REFUSED: dict[int | str, dict[str, Any]] = {
    **UNKNOWN,
    400: {"description": "The job cannot be one; the document says which field is wrong"},
    409: {"description": "The thread is busy, or asks nothing"},
    422: {"description": "A field is wrong, or not served here; the document names it"},
    503: {"description": "Not now"},
}
Action = Annotated[Literal["interrupt"], Query(alias="action")]  # `rollback` is not served
MOST_CANCELLED = 1000
TRACE = ("traceparent", "tracestate")


class Cancelled(Body):
    """Which runs are to be cancelled: those of these ids on a thread, or all of a status."""

    thread_id: str | None = None
    run_ids: list[str] | None = None
    status: Literal["pending", "running", "all"] | None = None


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])
    _begin(routes, face)
    _tell(routes, face)
    _cancel(routes, face)
    return routes


def traced(request: Request) -> dict[str, str]:
    """Which trace a request belongs to."""
    return {name: request.headers[name] for name in TRACE if name in request.headers}


async def known(desk: Desk, thread_id: str, run_id: str) -> Job:
    """The run of this id on the thread; a 404 where there is none."""
    job = await desk.jobs.register.job(run_id)
    if job is None or job.thread_id != thread_id:
        raise Problem(HTTPStatus.NOT_FOUND, f"no run {run_id!r} on thread {thread_id!r}")
    return job


def _begin(routes: APIRouter, face: Face) -> None:
    @routes.post("/runs", responses=REFUSED)
    async def create_alone(body: RunBody, request: Request) -> Json:
        """Begin a run on a thread of its own."""
        return await _created(face.open_desk(), await begin(face.open_desk(), body, None, traced(request)))

    @routes.post("/threads/{thread_id}/runs", responses=REFUSED)
    async def create(thread_id: Id, body: RunBody, request: Request) -> Json:
        """Begin a run; with `command.resume` it is the one that asked which goes on."""
        return await _created(face.open_desk(), await begin(face.open_desk(), body, thread_id, traced(request)))

    @routes.post("/runs/wait", responses=REFUSED)
    async def wait_alone(body: RunBody, request: Request) -> StreamingResponse:
        """Begin a run on a thread of its own; the answer is what it came to."""
        begun = await begin(face.open_desk(), body, None, traced(request))
        return _awaited(face, begun, stops=body.on_disconnect == "cancel")

    @routes.post("/threads/{thread_id}/runs/wait", responses=REFUSED)
    async def wait(thread_id: Id, body: RunBody, request: Request) -> StreamingResponse:
        """Begin a run; the answer is what it came to."""
        begun = await begin(face.open_desk(), body, thread_id, traced(request))
        return _awaited(face, begun, stops=body.on_disconnect == "cancel")


def _tell(routes: APIRouter, face: Face) -> None:
    @routes.get("/threads/{thread_id}/runs", responses=UNKNOWN)
    async def runs(
        thread_id: Id,
        limit: Annotated[int, Query(ge=1, le=1000)] = 10,
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
        status: RunStatus | None = None,
        select: Annotated[list[str] | None, Query()] = None,
    ) -> Json:
        """The runs of a thread, the newest first."""
        desk = face.open_desk()
        await known_thread(desk, thread_id)
        found = await _listed(desk, thread_id, status, limit + offset)
        return Json([shown.picked(shown.run(job), select) for job in found[offset : offset + limit]])

    @routes.get("/threads/{thread_id}/runs/{run_id}", responses=UNKNOWN)
    async def run(thread_id: Id, run_id: Id) -> Json:
        """One run."""
        return Json(shown.run(await known(face.open_desk(), thread_id, run_id)))

    @routes.get("/threads/{thread_id}/runs/{run_id}/join", responses=UNKNOWN)
    async def join(thread_id: Id, run_id: Id) -> StreamingResponse:
        """What a run came to, once it has."""
        job = await known(face.open_desk(), thread_id, run_id)
        return _awaited(face, Begun(job.job_id, job.thread_id), stops=False)


def _cancel(routes: APIRouter, face: Face) -> None:
    @routes.post("/threads/{thread_id}/runs/{run_id}/cancel", status_code=HTTPStatus.ACCEPTED, responses=REFUSED)
    async def cancel(thread_id: Id, run_id: Id, *, wait: bool = False, _: Action = "interrupt") -> Json:
        """Stop a run: at once where it waits, in a moment where it works."""
        desk = face.open_desk()
        job = await known(desk, thread_id, run_id)
        if job.status in TERMINAL - {"cancelled"}:
            raise Problem(HTTPStatus.CONFLICT, f"the run has {job.status} already")
        await desk.jobs.cancel(run_id, desk.caller)
        if wait:
            async for _job in came_to(desk, run_id):
                pass
        return Json({}, HTTPStatus.OK if wait else HTTPStatus.ACCEPTED)

    @routes.post("/runs/cancel", status_code=HTTPStatus.NO_CONTENT, responses=REFUSED)
    async def cancel_many(body: Cancelled, _: Action = "interrupt") -> None:
        """Stop several; those that have ended stay as they are."""
        check_storable(body)
        desk = face.open_desk()
        for job in await _meant(desk, body):
            if job.status not in TERMINAL:
                await desk.jobs.cancel(job.job_id, desk.caller)


async def _created(desk: Desk, begun: Begun) -> Json:
    job = await known(desk, begun.thread_id, begun.job_id)
    return Json(shown.run(job), headers={"Content-Location": run_at(begun.thread_id, begun.job_id)})


def _awaited(face: Face, begun: Begun, *, stops: bool) -> StreamingResponse:
    """The answer, when there is one; until then a line break now and then, so that nobody in between gives up."""
    where = run_at(begun.thread_id, begun.job_id)
    headers = {"Content-Location": where, "Location": f"{where}/join"}
    return StreamingResponse(_came_to(face, begun.job_id, stops), media_type="application/json", headers=headers)


async def _came_to(face: Face, job_id: str, stops: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see `_awaited`
    """Whoever goes away before it has come to anything may have said that it is to stop then."""
    desk, is_over = face.open_desk(), False
    try:
        async for job in came_to(desk, job_id):
            is_over = job is not None
            yield b"\n" if job is None else dumps(await outcome(desk, job))
    finally:
        if stops and not is_over and not face.state.stopping:
            await asyncio.shield(desk.jobs.cancel(job_id, desk.caller))


async def _listed(desk: Desk, thread_id: str, status: RunStatus | None, most: int) -> list[Job]:
    words = [None] if status is None else shown.jobs_statuses(status)
    asked = (desk.jobs.register.jobs(most, JobFilter(status=word, thread_id=thread_id)) for word in words)
    found = [job for jobs in await asyncio.gather(*asked) for job in jobs]
    return sorted(found, key=lambda job: (job.created_at, job.job_id), reverse=True)


async def _meant(desk: Desk, body: Cancelled) -> list[Job]:
    if body.run_ids is not None:
        if body.thread_id is None:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "thread_id: is missing", field="thread_id")
        return [await known(desk, body.thread_id, run_id) for run_id in body.run_ids]
    if body.status is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "status: is missing, as are run_ids", field="status")
    words = {"pending": ["queued", "parked"], "running": ["running"]}.get(body.status, ["queued", "parked", "running"])
    found: list[Job] = []
    for word in words:
        found += await desk.jobs.register.jobs(MOST_CANCELLED, JobFilter(status=word, thread_id=body.thread_id))
    return found
