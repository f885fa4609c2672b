"""The LangGraph protocol, for its unmodified clients: a run is a job, an assistant is a named agent."""

from collections.abc import Callable

from fastapi import APIRouter

from executor.faces.langgraph import (
    assistant_graphs,
    assistants,
    info,
    run_streams,
    runs,
    thread_state,
    threads,
    unserved,
)
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.protocol import routes as protocol

PARTS: tuple[Callable[[Face], APIRouter], ...] = (
    info.router,
    assistants.router,
    assistant_graphs.router,
    threads.router,
    thread_state.router,
    protocol.router,
    run_streams.router,
    runs.router,
    unserved.router,
)


def routers(face: Face) -> list[APIRouter]:
    """All routes of the protocol, in the order in which they are looked at."""
    return [part(face) for part in PARTS]
