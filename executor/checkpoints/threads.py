"""Which threads are empty, asked for many jobs at once: a new thread, and most are, has nothing to read."""

import asyncio

import psycopg
from psycopg_pool import AsyncConnectionPool

from executor.errors import TryAgain

BEGUN = """
SELECT asked.thread_id FROM unnest(%s::text[]) AS asked (thread_id)
WHERE EXISTS (SELECT FROM checkpoints WHERE checkpoints.thread_id = asked.thread_id)
"""


class Threads:
    """Gathers questions while one is under way, as the committer gathers units."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, str]]]) -> None:
        self._pool = pool
        self._asked: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def is_empty(self, thread: str) -> bool:
        """Whether the thread has no checkpoint at all; raises TryAgain."""
        answer = self._asked.setdefault(thread, asyncio.get_running_loop().create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="empty threads")
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                begun = await self._begun(list(asked))
            except psycopg.Error as error:
                for answer in asked.values():
                    answer.set_exception(TryAgain(f"Postgres: {type(error).__name__}"))
            else:
                for thread, answer in asked.items():
                    answer.set_result(thread not in begun)

    async def _begun(self, threads: list[str]) -> set[str]:
        async with self._pool.connection() as connection:
            # Planned anew each time: a plan made while the table was small would read it whole for ever.
            cursor = await connection.execute(BEGUN, [threads], prepare=False, binary=True)
            return {row["thread_id"] for row in await cursor.fetchall()}
