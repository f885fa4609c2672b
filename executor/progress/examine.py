"""What Dragonfly, or what is in its place, is found to be. It decides nothing of a job, so nothing here is wrong."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import redis.asyncio
from redis.exceptions import AuthenticationError, RedisError

from executor.findings import Finding, clock, ok, short, warning
from executor.jobs.entries import key_of
from executor.progress.dragonfly import client_of
from executor.settings import DragonflySettings

ABOUT = "Dragonfly"
SECONDS = 5.0
KEPT_SECONDS = 5  # of what is written to try
NEARLY_FULL = 0.9
FOLLOWS = "jobs run, and nobody sees them do"
FAILED = (RedisError, OSError, TimeoutError, ValueError)


async def examine(settings: DragonflySettings, now: Callable[[], float] = time.time) -> list[Finding]:
    """Ask, and write an entry as jobs do, on a thread of its own that is gone after some seconds."""
    client = client_of(settings, connections=3)
    try:
        async with asyncio.timeout(SECONDS):
            await client.ping()
            tls = "by TLS" if settings.speaks_tls else "in the clear"
            found = [ok(ABOUT, f"answers, {tls}"), *await _told(client), *await _memory(client)]
            return [*found, *await _clocks(client, now)]
    except FAILED as error:
        return [_unreachable(settings, error)]
    finally:
        await client.aclose()


def _unreachable(settings: DragonflySettings, error: BaseException) -> Finding:
    said = short(error)
    if isinstance(error, AuthenticationError) or "WRONGPASS" in said or "NOAUTH" in said:
        return warning(ABOUT, f"{said}: {FOLLOWS}", "set DRAGONFLY_PASSWORD, and DRAGONFLY_USER where it has users")
    if "certificate" in said.lower() or "SSL" in said:
        return warning(ABOUT, f"{said}: {FOLLOWS}", "set DRAGONFLY_CA to the authority of its certificate")
    place = f"{settings.host}, port {settings.port}"
    to_do = "set DRAGONFLY_HOST and DRAGONFLY_PORT to where it is, and DRAGONFLY_TLS where it asks for TLS"
    return warning(ABOUT, f"no answer at {place}: {said}: {FOLLOWS}", to_do)


async def _told(client: redis.asyncio.Redis) -> list[Finding]:
    """Whether what is written to a thread's stream can be read, and what is told on its channel is heard."""
    key = key_of(f"doctor-{uuid.uuid4().hex}")
    about = f"{ABOUT} streams and channels"
    try:
        await client.xadd(key, {"type": "doctor"})
        await client.expire(key, KEPT_SECONDS)
        read: Any = await client.xrange(key, count=1)
        heard = await _heard(client, key)
    except RedisError as error:
        return [warning(about, f"{short(error)}: {FOLLOWS}", "allow the user what docs/operations.md names")]
    if read and heard:
        return [ok(about, "are written, read and told")]
    return [warning(about, f"what is {'told is not heard' if read else 'written is not read'}", "look at its replicas")]


async def _heard(client: redis.asyncio.Redis, key: str) -> bool:
    """Where the user may not listen, which pods need not, nobody says that it is not heard."""
    async with client.pubsub() as channel:
        try:
            await channel.subscribe(key)
            await channel.get_message(timeout=1)
        except RedisError:
            await client.publish(key, "doctor")
            return True
        await client.publish(key, "doctor")
        return (await channel.get_message(timeout=1)) is not None


async def _memory(client: redis.asyncio.Redis) -> list[Finding]:
    try:
        return list(decided(await client.info("memory")))
    except RedisError:
        return [ok(f"{ABOUT} memory", "the user may not ask for it")]


def decided(info: Mapping[str, Any]) -> Iterator[Finding]:
    """What it says of its memory."""
    about, policy = f"{ABOUT} memory", str(info.get("maxmemory_policy", "noeviction"))
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    said = f"{used} of {most or 'any number of'} bytes, policy {policy}"
    if most and used >= NEARLY_FULL * most:
        yield warning(about, f"is nearly full: {said}", "raise maxmemory, or lower EXECUTOR_EVENTS_KEEP_SECONDS")
    elif policy.startswith("allkeys"):
        yield warning(about, f"may drop streams that are being read: {said}", "set maxmemory-policy to noeviction")
    else:
        yield ok(about, said)


async def _clocks(client: redis.asyncio.Redis, now: Callable[[], float]) -> list[Finding]:
    before = now()
    try:
        seconds, micros = await client.time()
    except RedisError:
        return []
    return clock(f"{ABOUT} clock", int(seconds) + int(micros) / 1e6, (before + now()) / 2)
