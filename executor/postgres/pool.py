"""The pool of connections that the ledger and LangGraph's saver share."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from executor.errors import TryAgain
from executor.postgres.arrays import OIDS, packed
from executor.settings import PostgresSettings

Connection = psycopg.AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

NAME = "agent-executor ledger"  # of the connections, as Postgres tells it
EARLIER_NAME = "agent-executor"  # of an image that keeps no row of its pod

CONNECTIONS = 8
WAIT_SECONDS = 10.0
RECONNECT_SECONDS = 5.0  # the pool doubles its pauses up to this; then whoever asks next makes it begin anew
CHECK_SECONDS = 1.0
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # the primary that was
    PoolTimeout,
)
# A plan that was made while the tables were empty would read them whole later: every statement here has its index.
OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s -c enable_seqscan=off -c jit=off"


@asynccontextmanager
async def open_pool(settings: PostgresSettings) -> AsyncIterator[Pool]:
    """A pool as both want it; it connects when it can."""
    pool: Pool = AsyncConnectionPool(
        kwargs=arguments(settings),
        min_size=1,
        max_size=CONNECTIONS,
        timeout=WAIT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        check=_checked_lately(),
        open=False,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=5)


def arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Keyword arguments of each connection; hold the password."""
    return settings.conninfo() | {
        "autocommit": True,
        "prepare_threshold": 0,
        "row_factory": dict_row,
        "options": OPTIONS,
        "client_encoding": "UTF8",  # whatever the database's own is: arrays are packed so
        "connect_timeout": 10,
        "application_name": NAME,
    }


def _checked_lately() -> Callable[[Connection], Awaitable[None]]:
    """A check that costs a round trip a second and not one a statement; it finds what a restart has cut."""
    checked: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    async def check(connection: Connection) -> None:
        if time.monotonic() - checked.get(connection, 0.0) > CHECK_SECONDS:
            await AsyncConnectionPool.check_connection(connection)
            checked[connection] = time.monotonic()

    return check


@asynccontextmanager
async def connected(pool: Pool) -> AsyncIterator[Connection]:
    """A connection on which each statement is a commit; raises TryAgain where the database fails."""
    try:
        async with pool.connection() as connection:
            yield connection
    except AWAY as error:
        raise TryAgain(f"Postgres: {str(error).strip() or repr(error)}") from error
    except psycopg.errors.UndefinedTable as error:
        raise TryAgain("Postgres: the tables are missing; run `agent-executor migrate`") from error


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A connection on which everything is one commit; raises TryAgain where the database fails."""
    async with connected(pool) as connection, connection.transaction():
        yield connection


async def fetch(connection: Connection, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of a query, which says the type of each array that it is given: `%(ids)s::text[]`."""
    arrays = {name: packed(kind, values[name]) for name, kind in _arrays(query)}
    cursor = await connection.execute(query, {**values, **arrays})
    return await cursor.fetchall()


@cache
def _arrays(query: str) -> list[tuple[str, str]]:
    """The names of a query's arrays, and the types of their items."""
    return [(name, kind) for name, kind in re.findall(r"%\((\w+)\)s::(\w+)\[\]", query) if kind in OIDS]
