"""In-cluster names on loopback: what a claim calls nats.nats.svc:4222 listens somewhere here."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from executor.embedded import Servers
from executor.embedded.loopback import HOST, free_port

LIMIT = 5.0


def of(servers: Servers) -> dict[str, str]:
    """What claims and their defaults call the broker, with the addresses that it has here."""
    return {
        "nats.nats.svc:4222": f"{HOST}:{servers.nats.port}",
        "nats-headless.nats.svc.cluster.local:8222": f"{HOST}:{servers.nats.monitoring_port}",
    }


def led(text: str, names: Mapping[str, str]) -> str:
    """The text with each name replaced by its address."""
    for name, address in names.items():
        text = text.replace(name, address)
    return text


def led_in(environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The variables, led. PATH is this machine's already, and may lie below what is the path of a mount in the pod."""
    return {name: value if name == "PATH" else led(value, names) for name, value in environment.items()}


@asynccontextmanager
async def proxy(names: Mapping[str, str]) -> AsyncIterator[str]:
    """An HTTP proxy for programs that cannot be told otherwise: it knows these names, and no other; yields its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(LIMIT):
                await _forward(reader, writer, names)
        writer.close()

    port = free_port()
    server = await asyncio.start_server(answer, HOST, port)
    try:
        yield f"http://{HOST}:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, names: Mapping[str, str]) -> None:
    """Ask for one GET what the named server says, and pass it on whole."""
    line = await reader.readuntil(b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    method, target, _ = line.decode().split()
    place = urlsplit(target)
    if method != "GET" or place.netloc not in names:
        writer.write(b"HTTP/1.1 502 Unknown name\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return await writer.drain()
    host, _, port = names[place.netloc].partition(":")
    path = f"{place.path or '/'}?{place.query}" if place.query else place.path or "/"
    answers, asks = await asyncio.open_connection(host, int(port))
    try:
        asks.write(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
        writer.write(await answers.read())
        await writer.drain()
    finally:
        asks.close()
