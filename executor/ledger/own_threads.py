"""Who is let onto a thread, where tenants are told apart: that is looked at and written with nobody between."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from executor.ledger.sql.tenants import ALONE_ON_THREADS
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction


@asynccontextmanager
async def on_threads(pool: Pool, thread_ids: Sequence[str], tenant: str | None) -> AsyncIterator[Connection]:
    """A connection for one statement about these threads; one commit with `alone_on` where there are tenants."""
    if tenant is None:
        async with connected(pool) as connection:
            yield connection
    else:
        async with transaction(pool) as connection:
            await alone_on(connection, thread_ids, tenant)
            yield connection


async def alone_on(connection: Connection, thread_ids: Sequence[str], tenant: str | None) -> None:
    """Have these threads to ourselves until the commit; before any row is locked, or two may wait for each other."""
    if tenant is not None:
        await fetch(connection, ALONE_ON_THREADS, {"thread_ids": list(thread_ids)})
