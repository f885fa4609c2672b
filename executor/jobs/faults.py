"""Whose fault an error is: the world's, which passes, or a refusal, which does not. Pure.

Providers' clients share attributes and causes, not classes: a `status_code`, a `response` with headers, and a transport
error of an HTTP client's behind whatever lost the connection. Each brings a client of its own, so these go by name.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from executor.errors import TryAgain

REFUSED = frozenset({400, 401, 402, 403, 404, 413, 422})
PASSING = frozenset({408, 409, 425, 429})
FIRST_SERVER_ERROR = 500
AWAY = (TryAgain, ConnectionError, TimeoutError)
TRANSPORT = frozenset({"TransportError", "APIConnectionError"})  # httpx's, and what OpenAI's and Anthropic's make of it
QUOTA = "insufficient_quota"  # a 429 that waiting does not heal: a bill is unpaid
NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
DEEPEST = 5


def is_worlds(error: BaseException) -> bool:
    """Whether the same may work later with nobody doing anything about it: 429, 5xx, time-outs, lost connections."""
    return not is_refusal(error) and any(_is_away(each) for each in _causes(error))


def is_refusal(error: BaseException) -> bool:
    """Whether a provider said that the request itself is wrong, or that nobody pays for it."""
    return getattr(error, "status_code", None) in REFUSED or getattr(error, "code", None) == QUOTA


def retry_after(error: BaseException, now: datetime) -> float | None:
    """The seconds that the provider asks to wait (RFC 9110, 10.2.3: seconds or a date), if it does."""
    for each in _causes(error):
        headers: Any = getattr(getattr(each, "response", None), "headers", None) or {}
        text = headers.get("retry-after")
        if isinstance(text, str) and (seconds := _seconds(text.strip(), now)) is not None:
            return max(seconds, 0.0)
    return None


def _is_away(error: BaseException) -> bool:
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status in PASSING or status >= FIRST_SERVER_ERROR
    return isinstance(error, AWAY) or any(kind.__name__ in TRANSPORT for kind in type(error).__mro__)


def _seconds(text: str, now: datetime) -> float | None:
    if NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    each: BaseException | None = error
    for _ in range(DEEPEST):
        if each is None:
            return
        yield each
        each = each.__cause__
