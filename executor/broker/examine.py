"""What NATS is found to be, and what lies on it: the server, the account, its limits, and what the user may hear."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import AccountInfo

from executor.broker.broker import ENDS, HEADER_ROOM
from executor.broker.connection import options
from executor.broker.examine_layout import examine_layout
from executor.broker.layout import layout
from executor.findings import Finding, ok, short, warning, wrong
from executor.settings import NatsSettings

CONNECT_SECONDS = 3
CALL_SECONDS = 3.0
ABOUT = "NATS"
SMALL = 64 << 10  # bytes of a message, below which most results are too large
NEARLY_FULL = 0.8
NO_ACCOUNT = 10039  # JetStream is on, and not for this account
FAILED = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError, ValueError)


async def examine(settings: NatsSettings) -> list[Finding]:
    """Ask each of the servers whether it answers, and the first that does for all else; changes nothing there."""
    reached = await asyncio.gather(*(_reach(settings, server) for server in settings.servers))
    answering = [server for server, found in zip(settings.servers, reached, strict=True) if found.state != "wrong"]
    if not answering:
        return list(reached)
    found = [warning(each.about, each.said, each.help) if each.state == "wrong" else each for each in reached]
    said: list[str] = []
    async with _connected(settings, answering[0], said) as client:
        return [*found, *await _account(client, settings), *await _rights(client, settings, said)]


@asynccontextmanager
async def _connected(settings: NatsSettings, server: str, said: list[str]) -> AsyncIterator[Client]:
    async def hear(error: Exception) -> None:
        said.append(short(error))

    given: dict[str, Any] = options(settings) | {
        "servers": [server],
        "allow_reconnect": False,
        "connect_timeout": CONNECT_SECONDS,
        "error_cb": hear,
    }
    client = Client()
    try:
        await client.connect(**given)
        yield client
    finally:
        await client.close()


async def _reach(settings: NatsSettings, server: str) -> Finding:
    try:
        async with asyncio.timeout(2 * CONNECT_SECONDS), _connected(settings, server, []) as client:
            return _greeting(client, server)
    except FAILED as error:
        return _unreachable(f"{ABOUT} {_place(server)}", error)


def _greeting(client: Client, server: str) -> Finding:
    about, size = f"{ABOUT} {_place(server)}", client.max_payload
    version = client.connected_server_version
    said = f"answers, version {version.major}.{version.minor}.{version.patch}, messages of up to {size} bytes"
    if size <= HEADER_ROOM:
        return wrong(about, said, "raise max_payload: no event fits")
    if size < SMALL:
        return warning(about, said, "raise max_payload to a megabyte: few results fit")
    return ok(about, said)


def _unreachable(about: str, error: BaseException) -> Finding:
    said = short(error)
    if "authorization" in said.lower():
        return wrong(about, said, "set NATS_USER and NATS_PASSWORD, or NATS_CREDS, to those of its account")
    if "certificate" in said.lower() or "ssl" in said.lower():
        return wrong(
            about, said, "set NATS_CA to the authority of its certificate, and NATS_URL to a name that is in it"
        )
    return wrong(about, f"does not answer: {said}", "set NATS_URL to where it is, and let the network policy pass it")


def _place(server: str) -> str:
    return urlsplit(server).netloc.rpartition("@")[2] or server.rpartition("@")[2]


async def _account(client: Client, settings: NatsSettings) -> list[Finding]:
    """JetStream with its limits, and where it is there what lies on it."""
    about = f"{ABOUT} JetStream"
    jetstream = client.jetstream(timeout=CALL_SECONDS)
    try:
        account = await jetstream.account_info()
    except nats.js.errors.ServiceUnavailableError:
        return [wrong(about, "is off", "turn it on: `jetstream {}` in the server's configuration")]
    except nats.js.errors.APIError as error:
        to_do = (
            "turn it on for this account: `jetstream: enabled`" if error.err_code == NO_ACCOUNT else "look at its log"
        )
        return [wrong(about, f"is off: {error.description}", to_do)]
    except FAILED as error:
        return [wrong(about, f"does not answer: {short(error)}", "let the user publish to `$JS.API.>`")]
    return [
        *_limits(about, account),
        *await examine_layout(jetstream, layout(settings), is_cluster=_is_cluster(client)),
    ]


def _is_cluster(client: Client) -> bool:
    return bool(client._server_info.get("cluster"))  # noqa: SLF001 - the client tells it nowhere else


def _limits(about: str, account: AccountInfo) -> Iterator[Finding]:
    used = [
        ("bytes on disk", account.storage, account.limits.max_storage),
        ("streams", account.streams, account.limits.max_streams),
        ("consumers", account.consumers, account.limits.max_consumers),
    ]
    bounded = [(what, has, most) for what, has, most in used if most > 0]
    said = ", ".join(f"{has} of {most} {what}" for what, has, most in bounded) or "no limits"
    full = [what for what, has, most in bounded if what == "bytes on disk" and has >= NEARLY_FULL * most]
    if full:
        yield warning(
            about, f"is nearly full: {said}", "raise the account's limits, or keep less (EXECUTOR_*_MAX_AGE_SECONDS)"
        )
    else:
        yield ok(about, f"is on: {said}")


async def _rights(client: Client, settings: NatsSettings, said: list[str]) -> list[Finding]:
    """What a pod subscribes to."""
    late = "`Prefer: wait` is answered up to 3 s late"
    slower = {"cancel.>": "a running job is cancelled some seconds later"} | {f"status.{word}": late for word in ENDS}
    found = []
    for words, follows in slower.items():
        subject = settings.subject(words)
        if await _is_refused(client, subject, said):
            found.append(warning(f"{ABOUT} {subject}", f"may not be subscribed to: {follows}", "allow it to the user"))
    return found or [ok(f"{ABOUT} subscriptions", "are allowed")]


async def _is_refused(client: Client, subject: str, said: list[str]) -> bool:
    """The server says no before it answers the ping that follows; the client tells us in a turn of its own."""
    subscription = await client.subscribe(subject)
    await client.flush(timeout=int(CALL_SECONDS))
    await subscription.unsubscribe()
    await client.flush(timeout=int(CALL_SECONDS))
    return any("permission" in each.casefold() and f'"{subject}"'.casefold() in each.casefold() for each in said)
