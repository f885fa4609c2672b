"""`GET /jobs/{id}/events`: what a job does, as server-sent events (HTML Living Standard, section 9.2)."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from executor.api.jobs import known
from executor.api.paths import JobId
from executor.api.problems import Problem
from executor.api.service import JobService
from executor.api.state import State
from executor.errors import TryAgain
from executor.jobs.entries import Shown
from executor.jobs.job import TERMINAL, Job
from executor.values import dumps

log = structlog.get_logger()

BEGINNING = "0"
PATIENCE = 10.0
LAST_WORDS = 1.0  # how long the entries of a job that has ended may still be on their way


def router(state: State) -> APIRouter:
    """The route that streams."""
    routes = APIRouter(tags=["jobs"])

    async def watched(job_id: JobId) -> Job:
        return await known(state, job_id)

    async def gap(
        job: Annotated[Job, Depends(watched)], last_event_id: Annotated[str | None, Header()] = None
    ) -> ServerSentEvent | None:
        if last_event_id is None:
            return None
        try:
            held = await state.open_jobs().entries.holds(job.thread_id, last_event_id)
        except ValueError:
            raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID: is not one of ours") from None
        return None if held else _gap(job, last_event_id)

    @routes.get(
        "/jobs/{job_id:path}/events",
        response_class=EventSourceResponse,
        responses={404: {"description": "No such job"}},
    )
    async def events(
        job: Annotated[Job, Depends(watched)],
        missed: Annotated[ServerSentEvent | None, Depends(gap)],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Entries from the first, or after `Last-Event-ID`; a `gap` where some are lost. Closes after `end`."""
        if missed is not None:
            yield missed
        async for event in follow(state.open_jobs(), job, last_event_id or BEGINNING):
            yield event

    return routes


async def follow(service: JobService, job: Job, place: str) -> AsyncIterator[ServerSentEvent]:
    """The job's entries after a place in the stream, up to its last, or as far as Dragonfly goes."""
    try:
        while True:
            page = await service.entries.read(job.thread_id, place, LAST_WORDS if job.status in TERMINAL else PATIENCE)
            for entry_id, entry in page:
                place = entry_id
                if entry["job"] == job.job_id:
                    yield _event(place, entry)
                    if entry["type"] == "end":
                        return
            if not page and job.status in TERMINAL:
                yield _gap(job, place)
                yield _end(job, place)
                return
            job = await service.register.job(job.job_id) or job
    except TryAgain as error:
        log.warning("events not followed any further", job=job.job_id, error=str(error))


def _gap(job: Job, after: str) -> ServerSentEvent:
    return _told(job, after, "gap", {"after": after})


def _end(job: Job, after: str) -> ServerSentEvent:
    return _told(job, after, "end", {"status": job.status})


def _told(job: Job, after: str, word: str, data: dict[str, Any]) -> ServerSentEvent:
    """An entry that the stream does not hold, in the shape of those that it does."""
    entry = {"job": job.job_id, "attempt": job.attempts, "type": word, "node": "", "data": data}
    return _event(after, entry)


def _event(place: str, entry: Shown) -> ServerSentEvent:
    return ServerSentEvent(id=place, event=entry["type"], raw_data=dumps(entry).decode())
