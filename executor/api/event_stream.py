"""`GET /jobs/{id}/events`: what a job does, as server-sent events (HTML Living Standard, section 9.2)."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT

from executor.api.auth import Reader
from executor.api.paths import JobId
from executor.api.problems import Problem
from executor.api.state import State
from executor.jobs.entries import BEGINNING, Place
from executor.watch import Watcher, Watches

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """Server-sent events that are bytes already: FastAPI's own way makes each anew for each who watches."""

    media_type = "text/event-stream"


def router(state: State) -> APIRouter:
    """The route that streams."""
    routes = APIRouter(tags=["jobs"])

    async def seat() -> AsyncIterator[Watches]:
        watches = state.open_jobs().watches
        with watches.seat(), state.metrics.watchers.track_inprogress():
            yield watches

    async def watching(
        watches: Annotated[Watches, Depends(seat)],
        job_id: JobId,
        caller: Reader,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> AsyncIterator[Watcher]:
        job = await state.open_jobs().job(job_id, caller)
        with watches.watcher(job, _place(last_event_id)) as watcher:
            yield watcher

    @routes.get(
        "/jobs/{job_id:path}/events",
        response_class=EventStream,
        responses={404: {"description": "No such job"}, 503: {"description": "As many watch as may"}},
    )
    async def events(watcher: Annotated[Watcher, Depends(watching)]) -> EventStream:
        """Entries from the first, or after `Last-Event-ID`; a `gap` where some are lost. Closes after `end`."""
        return EventStream(_told(watcher), headers=HEADERS)

    return routes


async def _told(watcher: Watcher) -> AsyncIterator[bytes]:
    async for page in watcher.pages():
        yield b"".join([entry.server_sent for entry in page]) or KEEPALIVE_COMMENT


def _place(last_event_id: str | None) -> Place:
    try:
        return BEGINNING if last_event_id is None else Place.read(last_event_id)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID: is not one of ours") from None
