"""The LangGraph protocol, for its unmodified clients: a run is a job, an assistant is a named agent."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, Depends

from executor.api.auth import Writer
from executor.api.problems import Problem
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
    whole = APIRouter(dependencies=[Depends(let_in)])
    for part in PARTS:
        whole.include_router(part(face))
    return [whole]


async def let_in(caller: Writer) -> None:
    """Refuse who has a tenant: the protocol's threads are not told apart by tenants yet."""
    if caller.tenant is not None:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "the LangGraph protocol is not served yet where there are tenants")
