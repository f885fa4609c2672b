"""Streams and channels named after the thread, bounded and expiring."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import redis.asyncio
import structlog
from redis.exceptions import RedisError, ResponseError

from executor.errors import TryAgain
from executor.jobs.entries import Place, StreamEntry, as_text, key_of
from executor.progress.buffer import Line, Progress
from executor.settings import DragonflySettings, is_pem

log = structlog.get_logger()

CALL_SECONDS = 5.0
CLOSE_SECONDS = 2.0
PAGE = 100  # entries, of each thread that is read
LAST = 500
AT_ONCE = 8  # questions of those who watch
READERS = AT_ONCE + 8  # connections: theirs, the one that waits for news, and those of checks


class Packing:
    """Packs the commands of a connection in C: redis-py's own way costs more than all the rest of an entry."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """The command as the protocol has it."""
        return [hiredis.pack_command(args)]


class Connection(Packing, redis.asyncio.Connection):
    """A connection in the clear."""


class SSLConnection(Packing, redis.asyncio.SSLConnection):
    """A connection by TLS."""


class Sink:
    """Writes entries to streams and channels."""

    def __init__(self, client: redis.asyncio.Redis, settings: DragonflySettings) -> None:
        self._client = client
        self._settings = settings

    async def write(self, lines: Sequence[Line]) -> None:
        """Write all in one round trip; raises TryAgain where Dragonfly is away, and drops what it refuses."""
        async with self._client.pipeline(transaction=False) as pipe:
            for line in lines:
                self._add(pipe, line)
            for key in {line.key for line in lines}:
                pipe.expire(key, self._settings.keep_seconds)
            try:
                await pipe.execute()
            except ResponseError as error:
                log.warning("Dragonfly refused an entry", error=str(error))  # the others are written
            except (RedisError, OSError) as error:
                raise _away(error) from error

    def _add(self, pipe: Any, line: Line) -> None:
        pipe.xadd(line.key, line.fields, maxlen=self._settings.keep_entries, approximate=True)
        pipe.publish(line.key, as_text(line.fields))


class Reader:
    """Reads the entries of threads back, from any place in their streams."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def check(self) -> None:
        """Raise TryAgain unless Dragonfly answers."""
        try:
            await self._client.ping()
        except (RedisError, OSError) as error:
            raise _away(error) from error

    async def page(self, thread_id: str, place: Place) -> list[StreamEntry]:
        """The entry of the place, if it is still there, and the next that follow; raises TryAgain."""
        return _entries(await self._asked(lambda: self._client.xrange(key_of(thread_id), str(place), count=PAGE + 1)))

    async def news(self, places: Mapping[str, Place], seconds: float) -> dict[str, list[StreamEntry]]:
        """By thread the next entries after its place, once any has some or so many seconds are over; raises TryAgain.

        All are read by one command: after a cancellation its connection is gone, and nothing else.
        """
        threads = {key_of(thread_id): thread_id for thread_id in places}
        after: Any = {key: str(places[thread_id]) for key, thread_id in threads.items()}
        try:
            async with asyncio.timeout(seconds + CALL_SECONDS):
                answer: Any = await self._client.xread(after, PAGE, int(seconds * 1000) or None)
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from error
        return {threads[key]: _entries(entries) for key, entries in answer}

    async def ended(self, thread_id: str, job_id: str) -> bool:
        """Whether the last entries of the thread say that the job ended; raises TryAgain."""
        last = _entries(await self._asked(lambda: self._client.xrevrange(key_of(thread_id), count=LAST)))
        return any(entry.type == "end" and entry.job == job_id for entry in last)

    async def _asked(self, question: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with self._turns, asyncio.timeout(CALL_SECONDS):
                return await question()
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from error


def _entries(answer: Sequence[tuple[str, Mapping[str, str]]]) -> list[StreamEntry]:
    return [StreamEntry(Place.read(entry_id), fields) for entry_id, fields in answer]


@asynccontextmanager
async def open_progress(settings: DragonflySettings) -> AsyncIterator[Progress]:
    """Events flow while this is open; what is left at its end is written within two seconds or lost."""
    async with client_of(settings, connections=2) as client:
        progress = Progress(Sink(client, settings))
        task = asyncio.create_task(progress.run(), name="progress")
        try:
            yield progress
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await progress.flush()
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def open_reader(settings: DragonflySettings) -> AsyncIterator[Reader]:
    """A reader with connections of its own: whoever watches must not slow what is written."""
    async with client_of(settings, connections=READERS) as client:
        yield Reader(client)


def client_of(settings: DragonflySettings, *, connections: int) -> redis.asyncio.Redis:
    """A client with so many connections."""
    # RESP2: Dragonfly up to 1.40 answers a woken XREAD BLOCK wrongly on RESP3. No socket_timeout: with one, redis-py
    # writes by asyncio.wait_for, which on Python 3.11 swallows a cancellation now and then. Our timeouts are outside.
    pool = redis.asyncio.ConnectionPool(
        host=settings.host,
        port=settings.port,
        username=settings.user,
        password=settings.password.get_secret_value() if settings.password else None,
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",
        max_connections=connections,
        socket_timeout=None,
        socket_keepalive=True,
        socket_connect_timeout=CALL_SECONDS,
        **_transport(settings),
    )
    return redis.asyncio.Redis.from_pool(pool)


def _transport(settings: DragonflySettings) -> dict[str, Any]:
    if not settings.speaks_tls:
        return {"connection_class": Connection}
    ca = "ssl_ca_data" if settings.ca and is_pem(settings.ca) else "ssl_ca_certs"
    return {"connection_class": SSLConnection, ca: settings.ca}


def _away(error: Exception) -> TryAgain:
    return TryAgain(f"Dragonfly: {str(error) or repr(error)}")
