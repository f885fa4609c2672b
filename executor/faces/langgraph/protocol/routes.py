"""The two routes of the thread-wide stream: commands in, events out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request

from executor.api.event_stream import HEADERS, EventStream
from executor.api.json_response import Json
from executor.api.problems import Problem
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id
from executor.faces.langgraph.protocol.beginning import beginning
from executor.faces.langgraph.protocol.commands import Asked, Command, done
from executor.faces.langgraph.protocol.events import place_in, place_of
from executor.faces.langgraph.protocol.subscription import Subscription
from executor.faces.langgraph.protocol.telling import LATEST, Heard, Telling
from executor.faces.langgraph.runs import traced
from executor.faces.langgraph.threads import known
from executor.jobs.entries import Place
from executor.jobs.job import JobFilter
from executor.watch import Watches

ANSWERS: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such thread"},
    503: {"description": "As many watch as may, or not now"},
}


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])
    _commands(routes, face)
    _events(routes, face)
    return routes


def _commands(routes: APIRouter, face: Face) -> None:
    @routes.post("/threads/{thread_id}/commands", responses={503: ANSWERS[503]})
    async def commands(thread_id: Id, command: Command, request: Request) -> Json:
        """Begin a run, or answer what one asks; what is wrong with the command is told with a 200, as the others do."""
        return Json(await done(Asked(face.open_desk(), thread_id, traced(request)), command))


def _events(routes: APIRouter, face: Face) -> None:
    heard = Heard()

    async def seat() -> AsyncIterator[Watches]:
        watches = face.open_desk().jobs.watches
        with watches.seat(), face.state.metrics.watchers.track_inprogress():
            yield watches

    async def following(
        watches: Annotated[Watches, Depends(seat)],
        thread_id: Id,
        wanted: Subscription,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        desk = face.open_desk()
        await known(desk, thread_id)
        register, since = desk.jobs.register, _since(wanted, last_event_id)
        jobs = await register.jobs(LATEST, JobFilter(thread_id=thread_id))
        now, last = datetime.now(UTC), heard.last(thread_id)
        begin = beginning(jobs, since, now=now, heard=last, only=wanted.is_watch)
        telling = Telling(thread_id, wanted, begin, register=register, states=desk.states, heard=heard)
        with watches.follower(thread_id, begin.place) as follower:
            yield telling.chunks(follower)

    @routes.post("/threads/{thread_id}/stream/events", response_class=EventStream, responses=ANSWERS)
    async def events(chunks: Annotated[AsyncIterator[bytes], Depends(following)]) -> EventStream:
        """What the thread does, across its runs and also while it has none; it is closed by who asked alone."""
        return EventStream(chunks, headers=HEADERS)


def _since(wanted: Subscription, last_event_id: str | None) -> Place | None:
    if last_event_id is None:
        return None if wanted.since is None else place_of(wanted.since)
    try:
        return place_in(last_event_id)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID: is not one of ours") from None
