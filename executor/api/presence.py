"""Whether whoever asked is still there to be answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

Answer = TypeVar("Answer")


async def while_there(request: Request, answer: Coroutine[Any, Any, Answer]) -> Answer | None:
    """What it comes to; None where the client goes away first, and then it is cancelled. The body must be read."""
    answering, leaving = asyncio.create_task(answer), asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        leaving.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
