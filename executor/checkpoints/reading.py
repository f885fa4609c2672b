"""The saver of those who only look: it knows no job and no epoch, and writes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import DictRow
from psycopg_pool import PoolTimeout

from executor.errors import TryAgain


class ReadingSaver(AsyncPostgresSaver):
    """LangGraph's Postgres saver, for one who reads; every method raises TryAgain where the database fails.

    It asks one thing after the other, so whoever reads has one of their own.
    """

    async def aput(self, *_: Any, **__: Any) -> NoReturn:
        """Never."""
        raise NotImplementedError("whoever reads writes no checkpoint")

    async def aput_writes(self, *_: Any, **__: Any) -> NoReturn:
        """Never."""
        raise NotImplementedError("whoever reads writes no checkpoint")

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[psycopg.AsyncCursor[DictRow]]:
        try:
            async with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor
        except (psycopg.Error, PoolTimeout) as error:
            raise TryAgain(f"Postgres: {type(error).__name__}") from error
