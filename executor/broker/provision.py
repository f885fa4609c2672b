"""Streams and the consumer, created or brought up to date."""

import nats.js.errors
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

from executor.broker.layout import Consumer, Layout, Stream
from executor.errors import Misconfigured

OVERLAPPING_SUBJECTS = 10065


async def provision(jetstream: JetStreamContext, wanted: Layout) -> None:
    """Create or update the streams and the consumer; raises Misconfigured where another service is in the way."""
    for stream in wanted.streams:
        await _ensure_stream(jetstream, stream)
    await refuse_overlap(jetstream, wanted.consumer)
    await _ensure_consumer(jetstream, wanted.consumer)


async def _ensure_stream(jetstream: JetStreamContext, stream: Stream) -> None:
    config = stream_config(stream)
    try:
        try:
            await jetstream.update_stream(config)
        except nats.js.errors.NotFoundError:
            await jetstream.add_stream(config)
    except nats.js.errors.APIError as error:
        advice = f": change {stream.setting}" if error.err_code == OVERLAPPING_SUBJECTS else ""
        raise Misconfigured(f"stream {stream.name}: {error.description}{advice}") from error


async def refuse_overlap(jetstream: JetStreamContext, consumer: Consumer) -> None:
    """Raise Misconfigured where another consumer takes the same jobs."""
    for other in await jetstream.consumers_info(consumer.stream):
        if other.config.durable_name and other.name != consumer.name and consumer.meets(_filters(other.config)):
            raise Misconfigured(
                f"consumer {consumer.name}: on stream {consumer.stream} {other.name} takes the same jobs; "
                "change NATS_STREAM_NAME (natsStreamName in the claim), "
                "or share it by the same NATS_CONSUMER_GROUP (natsConsumerGroup)"
            )


async def _ensure_consumer(jetstream: JetStreamContext, consumer: Consumer) -> None:
    try:
        await jetstream.add_consumer(consumer.stream, consumer_config(consumer))
    except nats.js.errors.APIError as error:
        raise Misconfigured(f"consumer {consumer.name}: {error.description}") from error


def _filters(config: ConsumerConfig) -> tuple[str, ...]:
    return tuple(config.filter_subjects or [config.filter_subject or ">"])


def stream_config(stream: Stream) -> StreamConfig:
    """The stream as NATS is asked for it."""
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


def consumer_config(consumer: Consumer) -> ConsumerConfig:
    """The consumer as NATS is asked for it."""
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
