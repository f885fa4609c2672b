"""Free ports on loopback, and the shortest question that tells whether a server answers there."""

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

HOST = "127.0.0.1"
# Below every system's ephemeral range, so that no client takes a server's port while that server is down.
PORTS = range(20000, 32000)


def free_port() -> int:
    """A port nobody listens on now; OSError after a hundred tries."""
    for _ in range(100):
        port = secrets.choice(PORTS)
        if _is_free(port):
            return port
    raise OSError(f"no free port on {HOST} between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


async def ask(port: int, question: bytes) -> bytes:
    """The first bytes a server answers within two seconds; none when it refuses, is silent or hangs up."""
    try:
        async with asyncio.timeout(2):
            return await _exchange(port, question)
    except (OSError, TimeoutError):
        return b""


async def _exchange(port: int, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(question)
        return await reader.read(1024)
    finally:
        writer.close()
        await writer.wait_closed()


async def listens(port: int) -> bool:
    """Whether anybody accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def http_ok(port: int, path: str) -> bool:
    """Whether a GET of this path is answered with 200."""
    answer = await ask(port, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    return answer.partition(b"\r\n")[0].split()[1:2] == [b"200"]


async def wait_until(what: str, holds: Callable[[], Awaitable[bool]], limit: float = 30, every: float = 0.02) -> None:
    """Return once `holds` does; TimeoutError with `what` after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not await holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not after {limit:g} s: {what}")
        await asyncio.sleep(every)
