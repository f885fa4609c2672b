"""Until when certificates hold: those that servers show, each by its protocol's way into TLS, and those of files."""

import asyncio
import json
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from executor.findings import Finding, ok, short, warning, wrong
from executor.settings import DragonflySettings, NatsSettings, PostgresSettings, is_pem

SECONDS = 4.0
DAY = 86_400.0
SOON = 14 * DAY
SSL_REQUEST = struct.pack("!II", 8, 80_877_103)  # as PostgreSQL's protocol has it
VERIFYING = {"verify-ca", "verify-full"}
RENEW = "renew it"
Begin = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


async def _at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    return True


async def _of_postgres(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(SSL_REQUEST)
    return await reader.readexactly(1) == b"S"


async def _of_nats(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    greeting = json.loads((await reader.readline()).removeprefix(b"INFO "))
    return bool(greeting.get("tls_required") or greeting.get("tls_available"))


@dataclass(frozen=True)
class End:
    """A server that may show a certificate; `begin` leads to TLS or says that it is not spoken.

    `decides` says whether the service cannot work with it once the certificate has expired.
    """

    about: str
    host: str
    port: int
    begin: Begin
    decides: bool


@dataclass(frozen=True)
class Authorities:
    """The certificates of a setting: a file, or its text in PEM."""

    variable: str
    given: str


def of_nats(settings: NatsSettings) -> Iterator[End | Authorities]:
    """What the connection to NATS stands on."""
    for server in settings.servers:
        at = urlsplit(server if "//" in server else f"nats://{server}")
        if at.hostname:
            yield End(f"certificate of NATS {at.hostname}", at.hostname, at.port or 4222, _of_nats, decides=True)
    if settings.ca:
        yield Authorities("NATS_CA", settings.ca)


def of_postgres(settings: PostgresSettings) -> Iterator[End | Authorities]:
    """What the connection to Postgres stands on."""
    if settings.sslmode != "disable":
        decides = settings.sslmode in VERIFYING or settings.sslrootcert is not None
        yield End("certificate of Postgres", settings.host, settings.port, _of_postgres, decides=decides)
    if settings.sslrootcert and settings.sslrootcert != "system":
        yield Authorities("POSTGRES_SSLROOTCERT", settings.sslrootcert)


def of_dragonfly(settings: DragonflySettings) -> Iterator[End | Authorities]:
    """What the connection to Dragonfly stands on."""
    if settings.speaks_tls:
        yield End("certificate of Dragonfly", settings.host.strip("[]"), settings.port, _at_once, decides=False)
    if settings.ca:
        yield Authorities("DRAGONFLY_CA", settings.ca)


def of_url(about: str, url: str) -> Iterator[End]:
    """What an HTTPS address stands on."""
    at = urlsplit(url)
    if at.scheme == "https" and at.hostname:
        yield End(f"certificate of {about}", at.hostname, at.port or 443, _at_once, decides=False)


async def examine(of: End | Authorities, now: float) -> list[Finding]:
    """What is said of its dates at a time in seconds since 1970; nothing where no certificate can be had."""
    if isinstance(of, Authorities):
        return _of_authorities(of, now)
    try:
        async with asyncio.timeout(SECONDS):
            shown = await _shown(of)
    except (OSError, TimeoutError, ValueError, EOFError):
        return []  # who connects says why
    return [] if shown is None else [judged(of.about, shown, now, decides=of.decides)]


def judged(about: str, ends: float, now: float, *, decides: bool) -> Finding:
    """What the end of a certificate means, both in seconds since 1970."""
    day = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M} UTC"
    if ends <= now:
        return (wrong if decides else warning)(about, f"expired at {day}", RENEW)
    if ends - now < SOON:
        return warning(about, f"expires at {day}, in {(ends - now) / DAY:.1f} days", RENEW)
    return ok(about, f"holds until {day}")


async def _shown(end: End) -> float | None:
    """When the certificate of a server ends, whoever has signed it; None where TLS is not spoken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is to be looked at, also where it has expired; nothing is sent
    reader, writer = await asyncio.open_connection(end.host, end.port)
    try:
        if not await end.begin(reader, writer):
            return None
        await writer.start_tls(context, server_hostname=end.host)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()
    finally:
        writer.close()
        with suppress(OSError):
            writer.transport.abort()


def _of_authorities(of: Authorities, now: float) -> list[Finding]:
    try:
        text = of.given.encode() if is_pem(of.given) else Path(of.given).read_bytes()
        ends = [each.not_valid_after_utc.timestamp() for each in x509.load_pem_x509_certificates(text)]
    except (OSError, ValueError) as error:
        return [wrong(of.variable, f"holds no certificates: {short(error)}", "set it to a file, or a text, in PEM")]
    about = f"authorities of {of.variable}"
    if min(ends) <= now < max(ends):
        return [warning(about, f"{sum(end <= now for end in ends)} of {len(ends)} have expired", "take them out")]
    return [judged(about, min(ends), now, decides=of.variable != "DRAGONFLY_CA")]
