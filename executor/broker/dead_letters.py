"""The stream of dead letters, for the people who look after it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import nats.js.errors
from nats.js.api import RawStreamMsg

from executor.broker.broker import Broker
from executor.broker.stored import headers_of
from executor.errors import ExecutorError
from executor.jobs.job import REPLAY_HEADER, Message

OURS = "dlq-"


class NoSuchLetter(ExecutorError):
    """No letter is at this place (any more)."""


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter; `sequence` is its place in the stream."""

    sequence: int
    reason: str
    attempts: str
    subject: str
    at: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class DeadLetters:
    """Every method raises ExecutorError where the stream is not there, or has no such letter."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._stream = broker.settings.dead_letter_stream

    async def all(self) -> AsyncIterator[DeadLetter]:
        """The letters, the oldest first."""
        try:
            state = (await self._broker.jetstream.stream_info(self._stream)).state
        except nats.js.errors.NotFoundError as error:
            raise ExecutorError(f"no stream {self._stream}: run `agent-executor streams`") from error
        sequence = state.first_seq
        while sequence <= state.last_seq:
            found = await self._next(sequence)
            if found is None:
                return
            yield found
            sequence = found.sequence + 1

    async def one(self, sequence: int) -> DeadLetter:
        """The letter at a place."""
        try:
            return _letter(await self._broker.jetstream.get_msg(self._stream, sequence))
        except nats.js.errors.NotFoundError as error:
            raise NoSuchLetter(f"no dead letter {sequence} in {self._stream}") from error

    async def drop(self, sequence: int) -> None:
        """Delete the letter."""
        await self._broker.jetstream.delete_msg(self._stream, sequence)

    async def replay(self, letter: DeadLetter) -> None:
        """Publish the original where it came from, to be worked on anew, then delete the letter."""
        headers = {name: value for name, value in letter.headers.items() if not name.lower().startswith(OURS)}
        identity = f"{self._stream}:{letter.sequence}:replay"
        await self._broker.publish(
            Message(identity, letter.subject, headers | {REPLAY_HEADER: str(letter.sequence)}, letter.body)
        )
        await self.drop(letter.sequence)

    async def _next(self, sequence: int) -> DeadLetter | None:
        try:
            return _letter(await self._broker.jetstream.get_msg(self._stream, sequence, next=True, subject=">"))
        except nats.js.errors.NotFoundError:
            return None


def _letter(message: RawStreamMsg) -> DeadLetter:
    headers = headers_of(message)
    return DeadLetter(
        sequence=message.seq or 0,
        reason=headers.get("Dlq-Reason", ""),
        attempts=headers.get("Dlq-Attempts", ""),
        subject=headers.get("Dlq-Subject", ""),
        at=str(message.time or ""),
        headers=headers,
        body=message.data or b"",
    )
