"""The streams and the consumer as they are, held against those that `agent-executor streams` makes."""

from collections.abc import Iterator, Mapping
from typing import Any

import nats.errors
import nats.js.errors
from nats.js.api import ConsumerInfo, StreamInfo
from nats.js.client import JetStreamContext

from executor.broker.layout import Consumer, Layout, Stream, overlap
from executor.broker.provision import consumer_config, refuse_overlap, stream_config
from executor.errors import Misconfigured
from executor.findings import Finding, ok, short, warning, wrong

AGAIN = "run `agent-executor streams`"
COPIES = "EXECUTOR_STREAM_REPLICAS (streams.replicas in the claim)"
# What a stream and a consumer may differ in and still be worked with.
OF_STREAM = ("retention", "storage", "discard", "max_msgs", "max_age", "num_replicas", "duplicate_window")
OF_CONSUMER = ("deliver_policy", "replay_policy", "ack_wait", "max_deliver", "max_ack_pending", "backoff")
FAILED = (nats.js.errors.Error, nats.errors.Error, TimeoutError)


async def examine_layout(jetstream: JetStreamContext, wanted: Layout, *, is_cluster: bool) -> list[Finding]:
    """Each stream, the consumer, and how many copies there are; changes nothing."""
    found = list(_copies(wanted.streams[0].replicas, is_cluster=is_cluster))
    for stream in wanted.streams:
        found += await _stream(jetstream, stream)
    return [*found, *await _consumer(jetstream, wanted.consumer)]


def _copies(replicas: int, *, is_cluster: bool) -> Iterator[Finding]:
    about = "NATS copies"
    sync = "set `sync_interval: always` there, if it is not: by default a loss of power loses two minutes"
    if replicas > 1 and not is_cluster:
        yield wrong(about, f"{replicas} are asked for, and the server is alone", f"set {COPIES} to 1")
    elif replicas == 1 and is_cluster:
        yield warning(about, "the server is one of a cluster, and each stream has one copy", f"set {COPIES} to 3")
    elif replicas == 1:
        yield ok(about, "one, on a server that is alone; how it syncs cannot be asked", sync)
    else:
        yield ok(about, f"{replicas} of each stream")


async def _stream(jetstream: JetStreamContext, stream: Stream) -> list[Finding]:
    about = f"NATS stream {stream.name}"
    try:
        info = await jetstream.stream_info(stream.name)
    except nats.js.errors.NotFoundError:
        return [await _missing(jetstream, stream, about)]
    except FAILED as error:
        return [wrong(about, f"cannot be asked for: {short(error)}", "let the user publish to `$JS.API.>`")]
    return [*_differences(about, stream, info), *_peers(about, info)] or [
        ok(about, f"as it should be, {info.state.messages} messages")
    ]


async def _missing(jetstream: JetStreamContext, stream: Stream, about: str) -> Finding:
    try:
        holder = await jetstream.find_stream_name_by_subject(stream.subjects[0])
    except (*FAILED, KeyError):
        return wrong(about, "is not there", AGAIN)
    return wrong(about, f"is not there, and {holder} has its subjects", f"change {stream.setting}, then {AGAIN}")


def _differences(about: str, stream: Stream, info: StreamInfo) -> Iterator[Finding]:
    has = info.config.subjects or []
    if lost := [subject for subject in stream.subjects if not any(overlap(subject, each) for each in has)]:
        yield wrong(about, f"does not take {', '.join(lost)}, but {', '.join(has) or 'nothing'}", AGAIN)
    elif sorted(has) != sorted(stream.subjects):
        yield warning(about, f"takes {', '.join(has)}, not {', '.join(stream.subjects)}", AGAIN)
    yield from _other(about, OF_STREAM, info.config, stream_config(stream))
    if info.config.sealed:
        yield wrong(about, "is sealed: it takes nothing any more", f"delete it, then {AGAIN}")


def _peers(about: str, info: StreamInfo) -> Iterator[Finding]:
    peers = (info.cluster and info.cluster.replicas) or []
    if behind := [str(peer.name) for peer in peers if peer.offline or not peer.current]:
        yield warning(
            about, f"copies are away or behind: {', '.join(behind)}", "look after these servers of the cluster"
        )


async def _consumer(jetstream: JetStreamContext, consumer: Consumer) -> list[Finding]:
    about = f"NATS consumer {consumer.name}"
    try:
        info: ConsumerInfo = await jetstream.consumer_info(consumer.stream, consumer.name)
        await refuse_overlap(jetstream, consumer)
    except nats.js.errors.NotFoundError:
        return [wrong(about, f"is not there on stream {consumer.stream}", AGAIN)]
    except Misconfigured as error:
        said, _, helps = str(error).removeprefix(f"consumer {consumer.name}: ").partition("; ")
        return [wrong(about, said, helps)]
    except FAILED as error:
        return [wrong(about, f"cannot be asked for: {short(error)}", "let the user publish to `$JS.API.>`")]
    return [*_unlike(about, consumer, info)] or [ok(about, f"as it should be, {info.num_pending} messages wait")]


def _unlike(about: str, consumer: Consumer, info: ConsumerInfo) -> Iterator[Finding]:
    config, anew = info.config, f"delete it, then {AGAIN}"
    filters = config.filter_subjects or [config.filter_subject or ">"]
    if not any(overlap(consumer.filter_subject, each) for each in filters):
        yield wrong(about, f"takes {', '.join(filters)}, not {consumer.filter_subject}", AGAIN)
    if config.deliver_subject:
        yield wrong(about, "pushes, and workers pull", anew)
    if config.ack_policy != "explicit":
        yield wrong(about, f"ack_policy is {config.ack_policy}, not explicit", anew)
    if info.paused:
        yield wrong(about, "is paused: no job is taken", f"nats consumer resume {consumer.stream} {consumer.name}")
    yield from _other(about, OF_CONSUMER, config, consumer_config(consumer))


def _other(about: str, names: tuple[str, ...], has: Any, wanted: Any) -> Iterator[Finding]:
    """A warning where settings differ; one that is not set is as nothing."""
    pairs: Mapping[str, tuple[Any, Any]] = {name: (getattr(has, name), getattr(wanted, name)) for name in names}
    if unlike := [
        f"{name} is {_word(a)}, not {_word(b)}" for name, (a, b) in pairs.items() if (a or None) != (b or None)
    ]:
        yield warning(about, "; ".join(unlike), AGAIN)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))
