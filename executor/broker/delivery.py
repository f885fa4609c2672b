"""One delivery of a job's message."""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import structlog
from nats.aio.msg import Msg

log = structlog.get_logger()


@dataclass(frozen=True)
class Delivery:
    """One delivery of a job's message; `sequence` is its place in the stream."""

    subject: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    stream: str
    sequence: int
    message: Msg = field(repr=False)

    async def ack(self) -> None:
        """Say that the message is done with. Where that goes unheard, it comes again and is known to be done."""
        await self._say(self.message.ack())

    async def nak(self, after: float = 0.0) -> None:
        """Give the message back, to be delivered again after so many seconds."""
        await self._say(self.message.nak(delay=after or None))

    async def in_progress(self) -> None:
        """Start the message's ack-wait anew."""
        await self._say(self.message.in_progress())

    async def _say(self, words: Coroutine[Any, Any, None]) -> None:
        try:
            await words
        except nats.errors.Error as error:
            log.warning("broker not reached", sequence=self.sequence, error=repr(error))


def delivery_of(message: Msg) -> Delivery:
    """The delivery that a message of the consumer is."""
    metadata = message.metadata
    return Delivery(
        subject=message.subject,
        headers=message.headers or {},
        body=message.data,
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        message=message,
    )
