"""An open connection: jobs are taken from it, facts are published to it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerInfo
from nats.js.client import JetStreamContext

from executor.broker.delivery import Delivery, delivery_of
from executor.broker.stored import headers_of
from executor.errors import ExecutorError, TryAgain
from executor.jobs.events import jobs_in
from executor.jobs.job import TERMINAL, Message
from executor.settings import NatsSettings

TAKE_SECONDS = 2.0  # how long a stop may have to wait for an idle worker
HEADER_ROOM = 4096
HEARD_BYTES = 8 << 20  # of events that wait to be looked at; beyond it they are dropped, as if they were not heard
SUBJECT = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")
BROKER_ERRORS = (nats.errors.Error, nats.js.errors.Error)
ENDS = sorted(TERMINAL | {"interrupted"})


@dataclass
class Broker:
    """An open connection. `lost` is set when the client gave up for good: the process must end."""

    client: Client
    jetstream: JetStreamContext
    settings: NatsSettings
    lost: asyncio.Event
    idle: list[JetStreamContext.PullSubscription] = field(default_factory=list)

    async def take(self) -> Delivery | None:
        """The next job, or None when there is none within two seconds; raises TryAgain where the broker fails.

        Whoever takes at the same time has an inbox of his own: in a shared one he would read the other's answers.
        """
        try:
            jobs = self.idle.pop() if self.idle else await self._subscribe()
            try:
                [message] = await jobs.fetch(1, timeout=TAKE_SECONDS)
            finally:
                self.idle.append(jobs)
        except TimeoutError:
            return None
        except BROKER_ERRORS as error:
            raise TryAgain(f"taking jobs from {self.settings.stream}: {error!r}") from error
        return delivery_of(message)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        return await self.jetstream.pull_subscribe_bind(self.settings.consumer, self.settings.stream)

    async def publish(self, message: Message) -> None:
        """Publish and wait until the stream has stored it; the same id twice is stored once.

        Raises TryAgain when the broker did not say that it has it, ExecutorError when it never will take it.
        """
        headers = self._checked(message)
        try:
            await self.jetstream.publish(message.subject, message.body, headers=headers)
        except nats.js.errors.NoStreamResponseError as error:
            raise TryAgain(f"{message.subject}: no stream has this subject; run `agent-executor streams`") from error
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"publishing to {message.subject}: {error!r}") from error

    async def announce(self, message: Message) -> None:
        """Publish what is no promise, without waiting for the stream; raises ExecutorError where that is in vain."""
        headers = self._checked(message)
        try:
            await self.client.publish(message.subject, message.body, headers=headers)
        except BROKER_ERRORS as error:
            raise TryAgain(f"publishing to {message.subject}: {error!r}") from error

    def _checked(self, message: Message) -> dict[str, str]:
        """The headers of a message that may be published now."""
        sent = replace(message, headers={**message.headers, "Nats-Msg-Id": message.id})
        # A larger message would close the client for good (nats-py), so it must not get that far.
        if sent.size > self.client.max_payload:
            raise ExecutorError(f"{message.subject}: larger than the broker's limit of {self.client.max_payload} bytes")
        if not self.client.is_connected:
            raise TryAgain("NATS is not connected")  # the client would wait, and whoever publishes with it
        return sent.headers

    async def acknowledged(self) -> int:
        """The place in the jobs' stream up to which all is acknowledged; raises TryAgain."""
        floor = (await self._consumer()).ack_floor
        return floor.stream_seq if floor else 0

    async def first(self) -> int:
        """The place of the first message in the jobs' stream, or the one after its last; raises TryAgain."""
        try:
            return int((await self.jetstream.stream_info(self.settings.stream)).state.first_seq)
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"asking NATS for the stream {self.settings.stream}: {error!r}") from error

    async def at(self, sequence: int) -> tuple[Mapping[str, str], bytes] | None:
        """The headers and body at a place in the jobs' stream, None where nothing is any more; raises TryAgain."""
        try:
            found = await self.jetstream.get_msg(self.settings.stream, sequence)
        except nats.js.errors.NotFoundError:
            return None
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"asking NATS for message {sequence}: {error!r}") from error
        return headers_of(found), found.data or b""

    async def cancellations(self) -> AsyncIterator[str]:
        """The ids of jobs that somebody wants ended, as they are said on `<prefix>.cancel.<job>`, for ever."""
        prefix = self.settings.subject("cancel", "")
        with suppress(nats.errors.ConnectionClosedError):  # `watch` says so
            said = await self.client.subscribe(f"{prefix}>")
            async for message in said.messages:
                yield message.subject.removeprefix(prefix)

    @asynccontextmanager
    async def ends(self, tell: Callable[[str], None]) -> AsyncIterator[None]:
        """Tell of each job that ends or asks people, at whichever worker, as its event passes; raises TryAgain.

        Others may be told of, too. What passes while the connection is cut, or where the account may not listen, is
        not told of.
        """

        async def heard(message: Msg) -> None:
            for job_id in jobs_in(*_fact(message)):
                tell(job_id)

        async with AsyncExitStack() as stack:
            try:
                await self._listen(heard, stack)
            except (*BROKER_ERRORS, TimeoutError) as error:
                raise TryAgain(f"listening for ends: {error!r}") from error
            yield

    async def _listen(self, heard: Callable[[Msg], Awaitable[None]], stack: AsyncExitStack) -> None:
        """Subscribe to the ends of jobs alone, not to all that is said of them; returns once the server has that."""
        if not self.client.is_connected:
            raise TryAgain("NATS is not connected")
        for word in ENDS:
            subject = self.settings.subject("status", word)
            listening = await self.client.subscribe(subject, cb=heard, pending_bytes_limit=HEARD_BYTES)
            stack.push_async_callback(_unsubscribe, listening)
        await self.client.flush()

    async def call_off(self, job_id: str) -> None:
        """Tell every worker that the job is to be ended, where its id can be a subject; not heard for certain."""
        if SUBJECT.fullmatch(job_id) and self.client.is_connected:
            await self.client.publish(self.settings.subject("cancel", job_id))

    @property
    def max_body(self) -> int:
        """Bytes of a message's body that the server takes, with room left for the headers."""
        return self.client.max_payload - HEADER_ROOM

    async def watch(self) -> None:
        """Wait for the end of the connection; raises ExecutorError when the client gave up for good."""
        await self.lost.wait()
        raise ExecutorError("the NATS client closed its connection for good")

    async def check(self) -> None:
        """Raise TryAgain unless the connection is up and the consumer is there."""
        if not self.client.is_connected:
            raise TryAgain("NATS is not connected")
        await self._consumer()

    async def _consumer(self) -> ConsumerInfo:
        consumer, stream = self.settings.consumer, self.settings.stream
        try:
            info: ConsumerInfo = await self.jetstream.consumer_info(stream, consumer)
        except nats.js.errors.NotFoundError as error:
            raise TryAgain(f"no consumer {consumer} on stream {stream}: run `agent-executor streams`") from error
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"asking NATS for the consumer {consumer}: {error!r}") from error
        return info


def _fact(message: Msg) -> tuple[str, str]:
    """The id and the word of an event: its body may be large, and is not looked at."""
    return (message.headers or {}).get("Nats-Msg-Id", ""), message.subject.rpartition(".")[2]


async def _unsubscribe(listening: Subscription) -> None:
    with suppress(*BROKER_ERRORS):
        await listening.unsubscribe()
