"""The scripted model, which keeps a record of who called it for which step of which job, and can be away."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import create_server

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from executor.embedded.loopback import HOST
from executor.embedded.model import Model, serving
from tests.chaos.history import Call
from tests.chaos.jobs import about

REFUSED = 400


class Record:
    """All calls; each worker has a key of its own, and all have one URL, so that their gates have one name.

    While `outage` is an HTTP status, every request is refused with it.
    """

    def __init__(self, port: int) -> None:
        self._model = Model(port)
        self.url = self._model.url
        self.calls: list[Call] = []

    @property
    def outage(self) -> int | None:
        """What every request is refused with."""
        return self._model.outage

    @outage.setter
    def outage(self, status: int | None) -> None:
        self._model.outage = status

    async def complete(self, request: Request) -> Response:
        """Answer as the scripted model does; an answer that quotes the key really does."""
        at = time.time()
        try:
            job, step = about((await request.json())["messages"])
        except ClientDisconnect:  # it was killed while it asked
            return Response(status_code=REFUSED)
        answer = await self._model.complete(request)
        refused = answer.status_code >= REFUSED
        key = request.headers["authorization"].removeprefix("Bearer ")
        self.calls.append(Call(at, key.rpartition("-")[2], job, step, refused))
        return Response(bytes(answer.body).replace(b"{key}", key.encode()), answer.status_code) if refused else answer


def key_of(worker: str, key: str) -> str:
    """The key by which a worker is known."""
    return f"{key}-{worker}"


@asynccontextmanager
async def recorded() -> AsyncIterator[Record]:
    """The model server on a free port, closed at the end."""
    with create_server((HOST, 0), backlog=500) as listener:
        record = Record(listener.getsockname()[1])
        async with serving(listener, Route("/v1/chat/completions", record.complete, methods=["POST"])):
            yield record
