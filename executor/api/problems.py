"""Bad requests are answered by problem documents (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from executor.api.json_response import Json
from executor.api.service import IdTaken, NotKnownYet, UnknownJob
from executor.errors import Rejected, TryAgain
from executor.jobs.caller import NotAllowed, NotAuthenticated


class Problem(Exception):
    """What is wrong with a request; `more` are members of the document beside the standard ones."""

    def __init__(self, status: HTTPStatus, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.more = more


def install(app: FastAPI) -> None:
    """Answer every foreseen error with a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(IdTaken, _taken)
    app.add_exception_handler(UnknownJob, _unknown)
    app.add_exception_handler(NotAllowed, _refused)
    app.add_exception_handler(TryAgain, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def answer(
    status: int, detail: str, more: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Json:
    """A problem document."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": int(status), "detail": detail, **(more or {})}
    return Json(document, status, dict(headers or {}), media_type="application/problem+json")


def field_of(detail: str) -> dict[str, str]:
    """The field that a complaint of ours begins with."""
    path, colon, _ = detail.partition(": ")
    return {"field": path} if colon and " " not in path else {}


async def _problem(_: Request, error: Exception) -> Json:
    assert isinstance(error, Problem)  # noqa: S101 - it is registered for nothing else
    return answer(error.status, error.detail, more=error.more)


async def _rejected(_: Request, error: Exception) -> Json:
    detail = str(error)
    return answer(HTTPStatus.BAD_REQUEST, detail, field_of(detail))


async def _taken(_: Request, error: Exception) -> Json:
    assert isinstance(error, IdTaken)  # noqa: S101 - it is registered for nothing else
    return answer(HTTPStatus.CONFLICT, str(error), {"field": error.field, "index": error.index})


async def _unknown(_: Request, error: Exception) -> Json:
    return answer(HTTPStatus.NOT_FOUND, str(error))


async def _refused(_: Request, error: Exception) -> Json:
    return refused(error)


def refused(error: Exception) -> Json:
    """The answer to whoever is not let in, or not now."""
    match error:
        case NotAuthenticated():
            return answer(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Bearer"})
        case NotAllowed():
            return answer(HTTPStatus.FORBIDDEN, str(error))
    more = {"field": error.field} if isinstance(error, NotKnownYet) else {}
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error), more, headers={"Retry-After": "5"})


async def _invalid(_: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for nothing else
    first = error.errors()[0]
    field = ".".join(str(step) for step in first["loc"][1:])
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {first['msg']}", {"field": field})


async def _http(_: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    return answer(error.status_code, str(error.detail), headers=error.headers)
