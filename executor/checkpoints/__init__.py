"""Checkpoints: LangGraph's state after every step, in LangGraph's own tables, by whoever holds the job.

No table of ours but the fence on `jobs` may come in.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from executor.checkpoints.committer import open_committer
from executor.checkpoints.reading import ReadingSaver
from executor.checkpoints.saver import JobSaver
from executor.checkpoints.write_buffer import WriteBuffer
from executor.errors import TryAgain
from executor.jobs.claims import Claim
from executor.settings import CheckpointSettings, PostgresSettings
from executor.telemetry import Metrics

Pool = AsyncConnectionPool[Any]
Saver = BaseCheckpointSaver[Any]

THERE = "SELECT FROM pg_class WHERE oid = to_regclass('checkpoint_migrations')"


@dataclass(frozen=True)
class Savers:
    """`of` gives the saver of a claim, `reading` one for who only looks.

    `forget` deletes the checkpoints of a thread, and raises TryAgain.
    """

    of: Callable[[Claim], Saver]
    forget: Callable[[str], Awaitable[None]]
    reading: Callable[[], Saver]


@asynccontextmanager
async def open_savers(
    settings: CheckpointSettings, postgres: PostgresSettings, pool: Pool, metrics: Metrics
) -> AsyncIterator[Savers]:
    """A saver for each claim. The pool is for reading; what is written has connections of its own."""
    if settings.saver == "stock":
        one = stock(pool)
        yield Savers(lambda _: one, _forgetting(pool), partial(ReadingSaver, pool, serde=strict()))
        return
    serde = strict()
    keep = settings.writes == "keep"
    async with open_committer(postgres.conninfo(), metrics) as committer:

        def of(claim: Claim) -> Saver:
            return JobSaver(pool, serde, WriteBuffer(claim, committer.commit, keep_writes=keep), fresh=claim.fresh)

        yield Savers(of, _forgetting(pool), partial(ReadingSaver, pool, serde=serde))


def _forgetting(pool: Pool) -> Callable[[str], Awaitable[None]]:
    async def forget(thread_id: str) -> None:
        try:
            await stock(pool).adelete_thread(thread_id)
        except (psycopg.Error, PoolTimeout) as error:
            raise TryAgain(f"Postgres: {error!r}") from error

    return forget


def stock(pool: Pool) -> AsyncPostgresSaver:
    """LangGraph's own saver, one for all jobs; it knows no epochs."""
    return AsyncPostgresSaver(pool, serde=strict())


def strict() -> JsonPlusSerializer:
    """What lies in the database may name no class that is not LangGraph's or LangChain's own."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


def create_tables(connection: psycopg.Connection[DictRow]) -> None:
    """Create or upgrade LangGraph's tables, by LangGraph itself; not inside a transaction, and one at a time."""
    PostgresSaver(connection).setup()


def are_there(connection: psycopg.Connection[DictRow]) -> bool:
    """Whether LangGraph's tables are there, as this release of it makes them; newer ones are."""
    if not connection.execute(THERE).fetchall():
        return False
    [row] = connection.execute("SELECT max(v) AS newest FROM checkpoint_migrations").fetchall()
    return row["newest"] is not None and row["newest"] >= len(PostgresSaver.MIGRATIONS) - 1
