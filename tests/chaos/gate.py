"""A TCP proxy between one worker and one server, that can be cut, slowed and held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from executor.embedded.loopback import HOST

CHUNK = 65_536


class Gate:
    """Passes bytes on after `delay` seconds while `open` is set."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.delay = 0.0
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Accept connections on a free port."""
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.open.set()
            self.cut()

    def cut(self) -> None:
        """Break all connections, in the middle of whatever they say."""
        for writer in list(self._ends):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.open.wait()
        try:
            to_reader, to_writer = await asyncio.open_connection(HOST, self._behind)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, to_writer}
        await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        self._ends -= {writer, to_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self.open.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()
        writer.close()
