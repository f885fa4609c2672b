"""Asking the service over HTTP; whatever goes wrong becomes an error that says what to do next.

On urllib: httpx takes 100 ms of CPU before it asks anything, longer than all else that a command does.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from executor.cli.exits import Exit, Stopped
from executor.cli.service import Service

SAY = "(--url, EXECUTOR_URL, the context)"
Answer = HTTPResponse | HTTPError
JSON = {"content-type": "application/json"}
STATUSES = {
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    502: Exit.UNREACHABLE,
    503: Exit.UNREACHABLE,
    504: Exit.UNREACHABLE,
}
NEXT = {
    401: "show a token that it takes (--token-file, --token-command, a context)",
    403: "ask whoever runs the service what your token may do",
    404: "`agent-executor jobs list` shows which there are, --url says where",
    409: "`agent-executor jobs show` says how it is",
    429: "try again in a moment",
    502: "try again in a moment",
    503: "try again in a moment",
    504: "try again in a moment",
}


HANDLERS: tuple[type[request.BaseHandler], ...] = (
    request.ProxyHandler,
    request.HTTPHandler,
    request.HTTPErrorProcessor,
    request.HTTPDefaultErrorHandler,
)
UNAUTHORIZED = 401
SUCCESSES = range(200, 300)
MUCH = 100_000  # characters of a refusal that are read


class Asking:
    """Requests to one service; every method raises Stopped where the answer is no success."""

    def __init__(self, service: Service, patience: float) -> None:
        self._service = service
        self._patience = patience
        self._url = service.url.rstrip("/")
        self._opener = _opener(service.url)
        self._token: str | None = None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON that is there."""
        return self._json(self._request(f"{path}?{urlencode(query)}" if query else path))

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of the answer; a body is sent as JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        return self._json(self._request(path, {**JSON, **(headers or {})}, content))

    @contextmanager
    def lines(self, path: str, headers: Mapping[str, str]) -> Iterator[Iterator[str]]:
        """The lines of an answer as they come, without their ends."""
        with _told(self._url), self._answer(self._request(path, headers)) as answer:
            yield (line.decode("utf-8", "replace").rstrip("\r\n") for line in answer)

    def _request(
        self, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> request.Request:
        """A GET, or with a body a POST."""
        return request.Request(f"{self._url}{path}", body, dict(headers or {}))  # noqa: S310 - HTTP is all it speaks

    def _json(self, asked: request.Request) -> Any:
        with _told(self._url), self._answer(asked) as answer:
            text = answer.read()
        try:
            return json.loads(text)
        except ValueError:
            said = f"{self._url} answers, but is not the service; --url says where that is"
            raise Stopped(Exit.UNREACHABLE, said) from None

    @contextmanager
    def _answer(self, asked: request.Request) -> Iterator[Answer]:
        """The answer to a request; a token that is refused and comes from a command is asked for once more."""
        with self._open(asked) as first:
            if first.status != UNAUTHORIZED or not self._service.token_command:
                yield _checked(first)
                return
        self._token = None
        with self._open(asked) as second:
            yield _checked(second)

    def _open(self, asked: request.Request) -> Answer:
        if self._token is None or self._service.token_file:  # a file is renewed in its place
            self._token = self._service.token()
        if self._token is not None:
            asked.add_header("Authorization", f"Bearer {self._token}")
        try:
            answer: HTTPResponse = self._opener.open(asked, timeout=self._patience)
        except HTTPError as refusal:
            return refusal
        return answer


def _opener(url: str) -> request.OpenerDirector:
    """What speaks HTTP, through the proxies of the environment, and follows no redirect: the token would go along.

    The system's certificates take long to read, so that they are not where nobody speaks TLS.
    """
    opener = request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    if _scheme(url) == "https":
        opener.add_handler(request.HTTPSHandler())
    return opener


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and (parts.port or parts.hostname):
            return parts.scheme
        said = "it begins with http:// or https:// and a host"
    except ValueError as error:  # brackets, and ports
        said = str(error)
    raise Stopped(Exit.USAGE, f"{url} is no URL: {said} {SAY}")


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except (InvalidURL, UnicodeError) as error:
        raise Stopped(Exit.USAGE, f"{url} is no URL: {error} {SAY}") from None
    except URLError as error:
        raise Stopped(Exit.UNREACHABLE, f"{url}: {error.reason}; is the service there? {SAY}") from error
    except (HTTPException, OSError) as error:
        said = str(error) or type(error).__name__
        raise Stopped(Exit.UNREACHABLE, f"{url}: {said}; is the service there? {SAY}") from error


def _checked(answer: Answer) -> Answer:
    status = answer.status or 0
    if status in SUCCESSES:
        return answer
    said = [f"{status}: {_detail(answer)}", *([NEXT[status]] if status in NEXT else [])]
    raise Stopped(STATUSES.get(status, Exit.FAILED), "; ".join(said))


def _detail(answer: Answer) -> str:
    text = answer.read(MUCH).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return text[:500] or str(answer.reason)
