"""How NATS is connected to: servers, credentials, certificates, and for how long it is tried."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
import nats.errors
import structlog
from nats.aio.client import RawCredentials

from executor.broker.broker import Broker
from executor.settings import NatsSettings, is_pem

log = structlog.get_logger()

CALL_SECONDS = 10.0


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

    client = await nats.connect(**options(settings), closed_cb=closed, disconnected_cb=disconnected)
    broker = Broker(client, client.jetstream(timeout=CALL_SECONDS), settings, lost)
    try:
        yield broker
    finally:
        closing.set()
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            await client.flush(timeout=int(CALL_SECONDS))  # the last acknowledgements
        await client.close()


def options(settings: NatsSettings) -> dict[str, Any]:
    """What the client is given; holds the secrets."""
    password = settings.password.get_secret_value() if settings.password else None
    given: dict[str, Any] = {
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
        given["user_credentials"] = _credentials(settings.creds.get_secret_value())
    if settings.ca or any(server.startswith("tls://") for server in settings.servers):
        given["tls"] = _tls(settings.ca)
    return given


def _credentials(creds: str) -> str | RawCredentials:
    return RawCredentials(creds) if is_pem(creds) else creds


def _tls(ca: str | None) -> ssl.SSLContext:
    if ca and is_pem(ca):
        return ssl.create_default_context(cadata=ca)
    return ssl.create_default_context(cafile=ca)


async def _say_error(error: Exception) -> None:
    log.warning("waiting for NATS" if isinstance(error, OSError) else "NATS client", error=repr(error))


async def _say_reconnected() -> None:
    log.info("NATS connected again")
