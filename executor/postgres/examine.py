"""What Postgres is found to be: the server, its settings, what the role may do, and what lies in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from executor.findings import Finding, clock, ok, short, warning, wrong
from executor.postgres.pool import CONNECTIONS, Connection, arguments
from executor.settings import PostgresSettings

ABOUT = "Postgres"
CONNECT_SECONDS = 4.0
OF_CHECKPOINTS = 2
A_POD = CONNECTIONS + OF_CHECKPOINTS
OLDEST = 14
LOSING = {
    "fsync": "a crash may leave the database broken",
    "full_page_writes": "a crash may leave the database broken",
    "synchronous_commit": "a crash loses what was committed last: a job that had ended may run again",
}
TABLES = ("jobs", "outbox", "questions", "sweeps", "definitions", "pods", "threads")
OF_LANGGRAPH = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
SIGNS = {
    "unsupported startup parameter": "let the pooler have `ignore_startup_parameters = options`, or go round it",
    "password authentication failed": "set POSTGRES_USER and POSTGRES_PASSWORD to those of a role",
    "does not exist": "set POSTGRES_DB and POSTGRES_USER to what is there, or make it",
    "too many": "raise max_connections, or run fewer pods",
    "remaining connection slots": "raise max_connections, or run fewer pods",
    "certificate": "set POSTGRES_SSLROOTCERT to the authority of its certificate, and POSTGRES_HOST to a name in it",
    "SSL": "set POSTGRES_SSLMODE to what the server speaks",
    "no pg_hba.conf entry": "let pg_hba.conf pass this role, or set POSTGRES_SSLMODE=require",
}
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
FACTS = """
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('transaction_read_only') AS read_only,
       pg_is_in_recovery() AS standby,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS free,
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role,
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS of_database,
       pg_backend_pid() AS pid
"""
REFUSED = """
SELECT name, kind FROM unnest(%(tables)s::text[]) AS name, unnest(%(rights)s::text[]) AS kind
WHERE to_regclass(quote_ident(name)) IS NOT NULL AND NOT has_table_privilege(to_regclass(quote_ident(name)), kind)
"""


async def examine(settings: PostgresSettings, now: Callable[[], float] = time.time) -> list[Finding]:
    """Connect as the service does and look; changes nothing there."""
    try:
        async with _connected(settings) as connection:
            return await _examined(connection, settings, now)
    except (psycopg.Error, OSError, TimeoutError, UnicodeError) as error:
        return [_unreachable(settings, error)]


@asynccontextmanager
async def _connected(settings: PostgresSettings) -> AsyncIterator[Connection]:
    given: Mapping[str, Any] = arguments(settings) | {"application_name": "agent-executor doctor"}
    async with asyncio.timeout(CONNECT_SECONDS):
        connection: Connection = await psycopg.AsyncConnection.connect(**given)
    async with connection:
        yield connection


def _unreachable(settings: PostgresSettings, error: BaseException) -> Finding:
    said = short(error)
    for sign, to_do in SIGNS.items():
        if sign in said:
            return wrong(ABOUT, said, to_do)
    place = f"{settings.host}, port {settings.port}"
    return wrong(ABOUT, f"no connection to {place}: {said}", "set POSTGRES_HOST and POSTGRES_PORT to where it is")


async def _examined(connection: Connection, settings: PostgresSettings, now: Callable[[], float]) -> list[Finding]:
    found = [*await _clocks(connection, now)]
    facts = await _one(connection, FACTS)
    tls = "by TLS" if connection.pgconn.ssl_in_use else "in the clear"
    answers = ok(ABOUT, f"answers, version {facts['version']}, {tls}")
    pooler = await _pooler(settings, connection.info.backend_pid, facts["pid"])
    return [answers, *decided(facts), *pooler, *await _rights(connection), *found]


def decided(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """What the facts that were read mean."""
    if facts["major"] < OLDEST:
        yield warning(f"{ABOUT} version", f"{facts['major']} is older than {OLDEST}", "upgrade it")
    if facts["standby"]:
        yield wrong(f"{ABOUT} writes", "the server is a standby", "set POSTGRES_HOST to the primary")
    elif facts["read_only"] == "on":
        to_do = "set default_transaction_read_only to off, of the role, the database or the server"
        yield wrong(f"{ABOUT} writes", "all transactions are read-only", to_do)
    yield from _losing(facts)
    yield from _room(facts)


def _losing(facts: Mapping[str, Any]) -> Iterator[Finding]:
    off = [(name, follows) for name, follows in LOSING.items() if facts[name] == "off"]
    for name, follows in off:
        yield warning(
            f"{ABOUT} {name}", f"is off: {follows}", f"turn {name} on, of the server, the database and the role"
        )
    if not off:
        yield ok(f"{ABOUT} durability", f"{', '.join(LOSING)} are on")


def _room(facts: Mapping[str, Any]) -> Iterator[Finding]:
    free = min(facts["free"], *(facts[of] for of in ("of_role", "of_database") if (facts[of] or -1) >= 0), 10**6)
    said = f"{max(free, 0)} more may be opened, a pod opens up to {A_POD}"
    if free < A_POD:
        yield warning(f"{ABOUT} connections", said, "raise max_connections, or run fewer pods")
    else:
        yield ok(f"{ABOUT} connections", said)


async def _pooler(settings: PostgresSettings, promised: int, first: int) -> list[Finding]:
    """A second session on the server process of the first, which is still open, is a pooler's in transaction mode."""
    if promised == first:
        return []
    async with _connected(settings) as other:
        second = (await _one(other, "SELECT pg_backend_pid() AS pid"))["pid"]
    return [between(first, second)]


def between(first: int, second: int) -> Finding:
    """What a pooler in between is found to do, by the server processes of two sessions that are open at once."""
    about = f"{ABOUT} pooler"
    if first == second:
        to_do = "set its pool_mode to session, or POSTGRES_HOST and POSTGRES_PORT to Postgres itself"
        return wrong(about, "one lies in between that shares sessions: prepared statements break", to_do)
    return ok(about, "one lies in between, and gives each connection a session of its own")


async def _rights(connection: Connection) -> list[Finding]:
    tables = [*TABLES, *OF_LANGGRAPH]
    rows = await (await connection.execute(REFUSED, {"tables": tables, "rights": [*RIGHTS]})).fetchall()
    if not rows:
        return [ok(f"{ABOUT} rights", "the role may read and write the tables that are there")]
    refused: dict[str, list[str]] = {}
    for row in rows:
        refused.setdefault(row["name"], []).append(row["kind"])
    said = "; ".join(f"{table}: no {', '.join(kinds)}" for table, kinds in refused.items())
    return [wrong(f"{ABOUT} rights", said, "GRANT SELECT, INSERT, UPDATE, DELETE on these tables to the role")]


async def _clocks(connection: Connection, now: Callable[[], float]) -> list[Finding]:
    before = now()
    theirs = await _one(connection, "SELECT extract(epoch FROM clock_timestamp())::float8 AS seconds")
    return clock(f"{ABOUT} clock", theirs["seconds"], (before + now()) / 2)


async def _one(connection: Connection, query: str) -> dict[str, Any]:
    [row] = await (await connection.execute(query.encode())).fetchall()
    return row
