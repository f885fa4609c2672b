"""Who asks, and whether they may: a token is asked for at the door, and a role at each route.

With no issuers everybody may do everything. A route says `caller: Reader` (or `Writer`, `Admin`) where it needs to know
who asks; a router whose routes do not is given `dependencies=[Depends(reader)]`.
"""

from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from contract import HEALTH_PATH, METRICS_PATH, READY_PATH
from executor.api import problems
from executor.errors import TryAgain
from executor.jobs.caller import ANYBODY, Caller, NotAllowed, NotAuthenticated, Role

OPEN = frozenset({HEALTH_PATH, READY_PATH, METRICS_PATH, "/openapi.json", "/docs"})
KEY_HEADER = "X-Api-Key"  # where LangGraph's clients send what they are given as `api_key`
SCHEMES: dict[str, dict[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "The same token"},
}
ANSWERS = {
    "401": {"description": "No token that counts"},
    "403": {"description": "The token gives no tenant, or not the role that is needed"},
    "503": {"description": "Come again: the service starts, or has no keys yet to check tokens with"},
}


class Authentication(Protocol):
    """Who knows whose a token is."""

    async def caller(self, token: str) -> Caller:
        """Who shows it; raises NotAuthenticated, NotAllowed or TryAgain."""


class Door:
    """Whoever asks for what is not open shows a token, before anything else of the request is read."""

    def __init__(self, app: ASGIApp, authentication: Authentication | None) -> None:
        self._app = app
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._authentication is None or scope["type"] != "http" or scope["path"] in OPEN:
            await self._app({**scope, "caller": ANYBODY}, receive, send)
            return
        try:
            caller = await self._authentication.caller(_token(Headers(scope=scope)))
        except (NotAuthenticated, NotAllowed, TryAgain) as error:
            await problems.refused(error)(scope, receive, send)
            return
        await self._app({**scope, "caller": caller}, receive, send)


def _token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    shown = token.strip() if scheme.lower() == "bearer" else headers.get(KEY_HEADER, "").strip()
    if not shown:
        raise NotAuthenticated(f"a token is asked for, as Authorization: Bearer TOKEN or {KEY_HEADER}: TOKEN")
    return shown


async def reader(request: Request) -> Caller:
    """Who may see."""
    return _with("read", request)


async def writer(request: Request) -> Caller:
    """Who may submit, answer and cancel."""
    return _with("write", request)


async def admin(request: Request) -> Caller:
    """Who may do everything."""
    return _with("admin", request)


def _with(role: Role, request: Request) -> Caller:
    caller: Caller = request.scope["caller"]
    if not caller.may(role):
        raise NotAllowed(f"the role {role} is needed for this, and the token does not give it")
    return caller


Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
Admin = Annotated[Caller, Depends(admin)]
GUARDS = frozenset({reader, writer, admin})


def describe(app: FastAPI) -> None:
    """Say in the description of the API which routes ask for a token."""
    described = app.openapi()
    described.setdefault("components", {})["securitySchemes"] = SCHEMES
    for path, methods in described["paths"].items():
        for method in methods.values() if path not in OPEN else ():
            method["security"] = [{name: []} for name in SCHEMES]
            method["responses"] = ANSWERS | method["responses"]
