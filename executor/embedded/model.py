"""A local model server that speaks OpenAI's chat completions and answers as the prompt's own script says."""

import asyncio
import hashlib
import json
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from executor.embedded import chat
from executor.embedded.chat import JsonObject
from executor.embedded.loopback import HOST
from executor.embedded.script import Turn, turn_for

REMEMBERED = 1000


class Model:
    """The running server: its `url` for OPENAI_BASE_URL, and the last `requests` it got, the newest last.

    While `outage` is an HTTP status, every request is refused with it.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}/v1"
        self.requests: deque[JsonObject] = deque(maxlen=REMEMBERED)
        self.outage: int | None = None
        self._arrivals: Counter[str] = Counter()

    async def models(self, _: Request) -> Response:
        """Answer GET /v1/models."""
        if self.outage is not None:
            return _said(chat.failure(self.outage, "the provider is away"), self.outage)
        return _said({"object": "list", "data": []})

    async def complete(self, request: Request) -> Response:
        """Answer POST /v1/chat/completions; what OpenAI refuses is a bad request, and so is a malformed script."""
        asked = await request.json()
        self.requests.append(asked)
        if self.outage is not None:
            return _said(chat.failure(self.outage, "the provider is away"), self.outage)
        identity = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        self._arrivals[identity] += 1
        if complaint := chat.complaint(asked["messages"]):
            return _said(chat.failure(400, complaint), 400)
        try:
            turn = turn_for(asked["messages"])
        except ValueError as error:
            turn = Turn(status=400, say=f"the script: {error}")
        if status := turn.refusal(self._arrivals[identity]):
            return _said(chat.failure(status, turn.say or "as the script says"), status)
        return await _answer(turn, asked, identity)


async def _answer(turn: Turn, asked: JsonObject, identity: str) -> Response:
    if asked.get("stream"):
        return StreamingResponse(_stream(turn, asked, identity), media_type="text/event-stream")
    await asyncio.sleep(turn.delay * len(chat.words(turn.say)))
    return _said(chat.completion(turn, asked, identity))


def _said(content: JsonObject, status: int = 200) -> Response:
    # In ASCII, as providers write it: so a script may hold half a surrogate pair, as a real model's answer may.
    return Response(json.dumps(content), status, media_type="application/json")


async def _stream(turn: Turn, asked: JsonObject, identity: str) -> AsyncIterator[str]:
    for event in chat.chunks(turn, asked, identity):
        await asyncio.sleep(turn.delay)
        yield event
    yield chat.END


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: whoever opened the model ends it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def scripted() -> AsyncIterator[Model]:
    """A scripted model on a free loopback port, closed at the end with what it still answers."""
    with socket.create_server((HOST, 0)) as listener:
        model = Model(listener.getsockname()[1])
        routes = Route("/v1/chat/completions", model.complete, methods=["POST"]), Route("/v1/models", model.models)
        async with serving(listener, *routes):
            yield model


@asynccontextmanager
async def serving(listener: socket.socket, *routes: Route) -> AsyncIterator[None]:
    """Answer on the socket while this is open, and at the end what was asked before."""
    app = Starlette(routes=[*routes])
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1))
    answering = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await answering
