"""The API as an application, and the server that runs it on a socket of ours."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from executor.api import agents, auth, cloudevents, docs, event_stream, health, jobs, problems
from executor.api.heads import BoundedHeads
from executor.api.paths import EscapedPaths
from executor.api.state import State
from executor.errors import Misconfigured

BACKLOG = 512
EXPOSED = ("Content-Location", "Location", "X-Pagination-Total")  # of which pages of other origins read ids


def application(state: State, faces: Sequence[APIRouter] = (), origins: Sequence[str] = ()) -> FastAPI:
    """All routes, ours and those of the faces; pages of the origins may ask them."""
    app = FastAPI(title="Agent executor", version=version("agent-executor"), docs_url=None, redoc_url=None)
    for part in (cloudevents, event_stream, jobs, agents, health, docs):
        app.include_router(part.router(state))
    for routes in faces:
        app.include_router(routes)
    app.add_middleware(EscapedPaths)
    app.add_middleware(auth.Door, authentication=state.authentication)
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED
        )
    problems.install(app)
    if state.authentication is not None:
        auth.describe(app)
    return app


class Server(uvicorn.Server):
    """Uvicorn without its hands on the signals: one stop event ends the whole process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # noqa: D102 - see the class
        yield


async def serve(
    state: State, port: int, stop: asyncio.Event, faces: Sequence[APIRouter] = (), origins: Sequence[str] = ()
) -> None:
    """Serve until `stop`, then let requests end for two seconds; raises Misconfigured where the port is taken."""
    with listening(port) as listener:
        config = uvicorn.Config(
            application(state, faces, origins),
            http=BoundedHeads,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve([listener]), name="http")
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        server.should_exit = True
        await serving


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on all addresses of the machine, of IPv4 and of IPv6 where it has both."""
    both = socket.has_dualstack_ipv6()
    family, everywhere = (socket.AF_INET6, "::") if both else (socket.AF_INET, "0.0.0.0")
    try:
        listener = socket.create_server((everywhere, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise Misconfigured(f"PORT {port}: {error.strerror}") from error
    with listener:
        yield listener
