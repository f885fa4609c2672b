"""The routes of run streams: of a run that begins, and of one that has begun."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Query, Request

from executor.api.event_stream import HEADERS, EventStream
from executor.api.problems import Problem
from executor.faces.langgraph.begin import Begun, begin
from executor.faces.langgraph.bodies import RunBody
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.frames import Frames, Mode
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id, run_at
from executor.faces.langgraph.run_stream import RunStream
from executor.faces.langgraph.runs import REFUSED, UNKNOWN, known, traced
from executor.jobs.entries import BEGINNING, Place

MODES = frozenset(get_args(Mode))
JOINED = ("values", "updates", "messages-tuple", "custom")
FROM_THE_FIRST = "-1"


@dataclass(frozen=True)
class Joined:
    """What of a run that has begun is to be told."""

    stream_mode: Annotated[list[str] | None, Query()] = None
    stream_subgraphs: bool = False
    cancel_on_disconnect: bool = False


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])

    async def seat() -> AsyncIterator[None]:
        with face.open_desk().jobs.watches.seat(), face.state.metrics.watchers.track_inprogress():
            yield

    seated: dict[str, Any] = {"response_class": EventStream, "dependencies": [Depends(seat)]}

    @routes.post("/runs/stream", responses=REFUSED, **seated)
    async def stream_alone(body: RunBody, request: Request) -> EventStream:
        """Begin a run on a thread of its own, and tell what it does."""
        return await _begun(face, body, None, request)

    @routes.post("/threads/{thread_id}/runs/stream", responses=REFUSED, **seated)
    async def stream(thread_id: Id, body: RunBody, request: Request) -> EventStream:
        """Begin a run, and tell what it does: events named by their stream mode, `end` or `error` the last."""
        return await _begun(face, body, thread_id, request)

    @routes.get("/threads/{thread_id}/runs/{run_id}/stream", responses=UNKNOWN, **seated)
    async def join(
        thread_id: Id,
        run_id: Id,
        asked: Annotated[Joined, Depends()],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> EventStream:
        """Tell what a run does, from its first entry or after `Last-Event-ID`; at once its end, if it has ended."""
        job = await known(face.open_desk(), thread_id, run_id)
        frames = Frames(run_id, thread_id, _modes(asked.stream_mode), asked.stream_subgraphs)
        told = RunStream(face, job, frames, _place(last_event_id), stops=asked.cancel_on_disconnect)
        return EventStream(told.told(), headers=HEADERS)

    return routes


async def _begun(face: Face, body: RunBody, thread_id: str | None, request: Request) -> EventStream:
    desk = face.open_desk()
    begun = await begin(desk, body, thread_id, traced(request))
    frames = Frames(begun.job_id, begun.thread_id, frozenset(body.stream_mode), body.stream_subgraphs)
    job = await known(desk, begun.thread_id, begun.job_id)
    told = RunStream(face, job, frames, begun.since, stops=body.on_disconnect == "cancel")
    return EventStream(told.told(), headers={**HEADERS, **_locations(begun, body)})


def _locations(begun: Begun, body: RunBody) -> dict[str, str]:
    """Where the run is, and where its stream goes on as it was asked for."""
    where = run_at(begun.thread_id, begun.job_id)
    asked: list[tuple[str, str]] = [("stream_mode", mode) for mode in body.stream_mode]
    asked += [("stream_subgraphs", "true")] * body.stream_subgraphs
    return {"Content-Location": where, "Location": f"{where}/stream?{urlencode(asked)}"}


def _modes(given: list[str] | None) -> frozenset[Mode]:
    """Modes one by one, separated by commas, or as JSON: clients differ."""
    words = [word for each in filter(None, given or ()) for word in _words(each)] or JOINED
    if unknown := [word for word in words if word not in MODES]:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"stream_mode: {unknown[0]!r} is not served here", field="stream_mode"
        )
    return frozenset(mode for mode in get_args(Mode) if mode in words)


def _words(given: str) -> list[str]:
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        return given.split(",")
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]


def _place(last_event_id: str | None) -> Place:
    if last_event_id is None or last_event_id in {"", FROM_THE_FIRST}:
        return BEGINNING
    try:
        return Place.read(last_event_id)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "Last-Event-ID: is not one of ours") from None
