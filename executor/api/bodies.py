"""The body of a request, as far as it may be large or compressed."""

import asyncio
import gzip
import io
import zlib
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

from executor.api.problems import Problem

PLAIN = frozenset({"", "identity"})
GZIP = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3


async def body_of(request: Request, limit: int) -> bytes:
    """The content, so many bytes at most before and after it is unpacked; raises Problem, or a 415."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in PLAIN | GZIP:
        taken = {"Accept-Encoding": "gzip"}  # RFC 7694
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding: {coding} is not taken", taken)
    body = await _received(request, limit)
    return body if coding in PLAIN else await asyncio.to_thread(_unpacked, body, limit)


async def _received(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_size(body, limit)
    return bytes(body)


def _unpacked(body: bytes, limit: int) -> bytes:
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(body)).read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not gzip, as its Content-Encoding says") from None
    _check_size(content, limit)
    return content


def _check_size(body: bytes | bytearray, limit: int) -> None:
    if len(body) > limit:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"larger than {limit} bytes")
