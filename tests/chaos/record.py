"""The scripted model, which keeps a record of who called it for which step of which job."""

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
    """All calls; each worker has a URL of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._model = Model(port)
        self.calls: list[Call] = []

    def url(self, worker: str) -> str:
        """For OPENAI_BASE_URL."""
        return f"http://{HOST}:{self._port}/{worker}/v1"

    async def complete(self, request: Request) -> Response:
        """Answer as the scripted model does; an answer that quotes the key really does."""
        at = time.time()
        try:
            job, step = about((await request.json())["messages"])
        except ClientDisconnect:  # it was killed while it asked
            return Response(status_code=REFUSED)
        answer = await self._model.complete(request)
        refused = answer.status_code >= REFUSED
        self.calls.append(Call(at, request.path_params["worker"], job, step, refused))
        key = request.headers["authorization"].removeprefix("Bearer ").encode()
        return Response(bytes(answer.body).replace(b"{key}", key), answer.status_code) if refused else answer


@asynccontextmanager
async def recorded() -> AsyncIterator[Record]:
    """The model server on a free port, closed at the end."""
    with create_server((HOST, 0), backlog=500) as listener:
        record = Record(listener.getsockname()[1])
        async with serving(listener, Route("/{worker}/v1/chat/completions", record.complete, methods=["POST"])):
            yield record
