"""NATS JetStream: taking jobs, publishing facts, provisioning streams. The only importer of nats."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import nats
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client, RawCredentials
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    ReplayPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext

from executor.errors import ExecutorError, Misconfigured, TryAgain
from executor.jobs import Message
from executor.settings import NatsSettings
from executor.streams import Consumer, Layout, Stream

log = structlog.get_logger()

TAKE_SECONDS = 2.0  # how long a stop may have to wait for an idle worker
CALL_SECONDS = 10.0
HEADER_ROOM = 4096
OVERLAPPING_SUBJECTS = 10065
BROKER_ERRORS = (nats.errors.Error, nats.js.errors.Error)


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


@dataclass
class Broker:
    """An open connection. `lost` is set when the client gave up for good: the process must end."""

    client: Client
    jetstream: JetStreamContext
    settings: NatsSettings
    lost: asyncio.Event
    jobs: JetStreamContext.PullSubscription | None = None

    async def take(self) -> Delivery | None:
        """The next job, or None when there is none within two seconds; raises TryAgain where the broker fails."""
        try:
            if self.jobs is None:
                self.jobs = await self.jetstream.pull_subscribe_bind(self.settings.consumer, self.settings.stream)
            [message] = await self.jobs.fetch(1, timeout=TAKE_SECONDS)
        except TimeoutError:
            return None
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise TryAgain(f"taking jobs from {self.settings.stream}: {error!r}") from error
        return _delivery(message)

    async def publish(self, message: Message) -> None:
        """Publish and wait until the stream has stored it; the same id twice is stored once.

        Raises TryAgain when the broker did not say that it has it, ExecutorError when it never will take it.
        """
        headers = {**message.headers, "Nats-Msg-Id": message.id}
        # A larger message would close the client for good (nats-py), so it must not get that far.
        if len(message.body) + _size(headers) > self.client.max_payload:
            raise ExecutorError(f"{message.subject}: larger than the broker's limit of {self.client.max_payload} bytes")
        try:
            await self.jetstream.publish(message.subject, message.body, headers=headers)
        except nats.js.errors.NoStreamResponseError as error:
            raise TryAgain(f"{message.subject}: no stream has this subject; run `agent-executor streams`") from error
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"publishing to {message.subject}: {error!r}") from error

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
        consumer, stream = self.settings.consumer, self.settings.stream
        try:
            await self.jetstream.consumer_info(stream, consumer)
        except nats.js.errors.NotFoundError as error:
            raise TryAgain(f"no consumer {consumer} on stream {stream}: run `agent-executor streams`") from error
        except (*BROKER_ERRORS, TimeoutError) as error:
            raise TryAgain(f"asking NATS for the consumer {consumer}: {error!r}") from error

    async def provision(self, wanted: Layout) -> None:
        """Create or update the streams and the consumer; raises Misconfigured where another service is in the way."""
        for stream in wanted.streams:
            await self._ensure_stream(stream)
        await self._refuse_overlap(wanted.consumer)
        await self._ensure_consumer(wanted.consumer)

    async def _ensure_stream(self, stream: Stream) -> None:
        config = _stream_config(stream)
        try:
            try:
                await self.jetstream.update_stream(config)
            except nats.js.errors.NotFoundError:
                await self.jetstream.add_stream(config)
        except nats.js.errors.APIError as error:
            advice = f": change {stream.setting}" if error.err_code == OVERLAPPING_SUBJECTS else ""
            raise Misconfigured(f"stream {stream.name}: {error.description}{advice}") from error

    async def _refuse_overlap(self, consumer: Consumer) -> None:
        for other in await self.jetstream.consumers_info(consumer.stream):
            if other.config.durable_name and other.name != consumer.name and consumer.meets(_filters(other.config)):
                raise Misconfigured(
                    f"consumer {consumer.name}: on stream {consumer.stream} {other.name} takes the same jobs; "
                    "change NATS_STREAM_NAME (natsStreamName in the claim), "
                    "or share it by the same NATS_CONSUMER_GROUP (natsConsumerGroup)"
                )

    async def _ensure_consumer(self, consumer: Consumer) -> None:
        try:
            await self.jetstream.add_consumer(consumer.stream, _consumer_config(consumer))
        except nats.js.errors.APIError as error:
            raise Misconfigured(f"consumer {consumer.name}: {error.description}") from error


@asynccontextmanager
async def connect(settings: NatsSettings) -> AsyncIterator[Broker]:
    """Connect, waiting with backoff until the server answers; reconnects for ever afterwards."""
    lost = asyncio.Event()
    closing = asyncio.Event()

    async def disconnected() -> None:
        if not closing.is_set():
            log.warning("NATS disconnected")

    async def closed() -> None:
        if not closing.is_set():
            lost.set()

    client = await nats.connect(**_options(settings), closed_cb=closed, disconnected_cb=disconnected)
    broker = Broker(client, client.jetstream(timeout=CALL_SECONDS), settings, lost)
    try:
        yield broker
    finally:
        closing.set()
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            await client.flush(timeout=int(CALL_SECONDS))  # the last acknowledgements
        await client.close()


def _options(settings: NatsSettings) -> dict[str, Any]:
    password = settings.password.get_secret_value() if settings.password else None
    options: dict[str, Any] = {
        "servers": settings.servers,
        "name": settings.consumer,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 1,
        "user": settings.user,
        "password": password,
        "error_cb": _say_error,
        "reconnected_cb": _say_reconnected,
    }
    if settings.creds:
        options["user_credentials"] = _credentials(settings.creds.get_secret_value())
    if settings.ca or any(server.startswith("tls://") for server in settings.servers):
        options["tls"] = _tls(settings.ca)
    return options


def _credentials(creds: str) -> str | RawCredentials:
    return RawCredentials(creds) if "-----BEGIN" in creds else creds


def _tls(ca: str | None) -> ssl.SSLContext:
    if ca and "-----BEGIN" in ca:
        return ssl.create_default_context(cadata=ca)
    return ssl.create_default_context(cafile=ca)


async def _say_error(error: Exception) -> None:
    log.warning("waiting for NATS" if isinstance(error, OSError) else "NATS client", error=repr(error))


async def _say_reconnected() -> None:
    log.info("NATS connected again")


def _delivery(message: Msg) -> Delivery:
    metadata = message.metadata
    return Delivery(
        subject=message.subject,
        headers=message.headers or {},
        body=message.data,
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        message=message,
    )


def _filters(config: ConsumerConfig) -> tuple[str, ...]:
    return tuple(config.filter_subjects or [config.filter_subject or ">"])


def _size(headers: Mapping[str, str]) -> int:
    """Bytes of a NATS header block: a version line, a line each, an empty line."""
    return len("NATS/1.0\r\n\r\n") + sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())


def _stream_config(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_msgs=-1,
        max_age=stream.max_age,
        num_replicas=stream.replicas,
        duplicate_window=stream.duplicate_window,
    )


def _consumer_config(consumer: Consumer) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=consumer.name,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        replay_policy=ReplayPolicy.INSTANT,
        filter_subject=consumer.filter_subject,
        ack_wait=consumer.ack_wait,
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
    )
