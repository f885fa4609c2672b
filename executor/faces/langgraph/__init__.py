"""The LangGraph protocol, for its unmodified clients: a run is a job, an assistant is a named agent."""

from collections.abc import Callable

from fastapi import APIRouter

from executor.faces.langgraph import info, thread_state
from executor.faces.langgraph.face import Face

PARTS: tuple[Callable[[Face], APIRouter], ...] = (info.router, thread_state.router)


def routers(face: Face) -> list[APIRouter]:
    """All routes of the protocol, in the order in which they are looked at."""
    return [part(face) for part in PARTS]
