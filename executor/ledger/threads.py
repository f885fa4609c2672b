"""Threads as people see them: made, noted, looked for and forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from executor.jobs.threads import EVERY_THREAD, FIRST_PAGE, Page, Thread, ThreadBusy, ThreadExists, ThreadFilter
from executor.ledger.sql import people
from executor.ledger.sql import threads as sql
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction
from executor.values import escaped


class Threads:
    """Every method raises TryAgain where the database fails. PostgreSQL holds no NUL character, so no id has one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._deleting = asyncio.Lock()  # who deletes holds a connection while `forget` takes another

    async def create(
        self, thread_id: str, metadata: dict[str, Any] | None = None, *, if_exists: Literal["raise", "do_nothing"]
    ) -> Thread:
        """Make a thread before it has a job, or give back the one that is there; raises ThreadExists."""
        values = {"thread_id": thread_id, "metadata": escaped(metadata) if metadata else None}
        async with connected(self._pool) as connection:
            made = await fetch(connection, sql.CREATE, values)
            if not made and if_exists == "raise":
                raise ThreadExists(thread_id)
            return Thread(**(made or await fetch(connection, sql.GET, values))[0])

    async def get(self, thread_id: str) -> Thread | None:
        """The thread of this id."""
        return await self._one(sql.GET, thread_id)

    async def patch(self, thread_id: str, metadata: dict[str, Any]) -> Thread | None:
        """Add to its metadata, in place of what they say by the same names; None where there is no such thread."""
        return await self._one(sql.PATCH, thread_id, metadata=escaped(metadata))

    async def search(self, only: ThreadFilter = EVERY_THREAD, page: Page = FIRST_PAGE) -> list[Thread]:
        """Threads that fit, in the order of the page."""
        given = _given(only)
        query = sql.searched(given, only.status, page.sort_by, is_descending=page.is_descending)
        async with connected(self._pool) as connection:
            rows = await fetch(connection, query, given | {"limit": page.limit, "offset": page.offset})
        return [Thread(**row) for row in rows]

    async def count(self, only: ThreadFilter = EVERY_THREAD) -> int:
        """How many fit."""
        given = _given(only)
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.counted(given, only.status), given)
        return int(rows[0]["n"])

    async def delete(self, thread_id: str, forget: Callable[[str], Awaitable[None]]) -> bool:
        """Forget the thread with its jobs and, by `forget`, its checkpoints; whether there was one.

        Raises ThreadBusy while a job of it has not ended. Where `forget` fails all stays, but perhaps for checkpoints.
        """
        if "\0" in thread_id:
            return False
        async with self._deleting, transaction(self._pool) as connection:
            had_jobs = await _forget_jobs(connection, thread_id)
            held = await fetch(connection, people.HOLD, {"thread_ids": [thread_id]})
            if not held:
                raise ThreadBusy(thread_id, await _unsettled(connection, thread_id) or "")
            await forget(thread_id)
            await connection.execute(people.LET_GO, {"job_ids": [row["job_id"] for row in held]})
            gone = await fetch(connection, sql.FORGET, {"thread_id": thread_id})
        return had_jobs or bool(gone)

    async def _one(self, query: str, thread_id: str, **more: Any) -> Thread | None:
        if "\0" in thread_id:
            return None
        async with connected(self._pool) as connection:
            rows = await fetch(connection, query, {"thread_id": thread_id, **more})
        return Thread(**rows[0]) if rows else None


async def _forget_jobs(connection: Connection, thread_id: str) -> bool:
    """Whether there were any; raises ThreadBusy."""
    if unsettled := await _unsettled(connection, thread_id):
        raise ThreadBusy(thread_id, unsettled)
    return bool(await fetch(connection, sql.FORGET_JOBS, {"thread_id": thread_id}))


async def _unsettled(connection: Connection, thread_id: str) -> str | None:
    rows = await fetch(connection, sql.UNSETTLED, {"thread_id": thread_id})
    return rows[0]["job_id"] if rows else None


def _given(only: ThreadFilter) -> dict[str, Any]:
    """The values of the filters that are given."""
    values = {
        "metadata": escaped(only.metadata) if only.metadata else None,
        "agent": only.agent,
        "ids": None if only.ids is None else [each for each in only.ids if "\0" not in each],
        "status": only.status,
    }
    return {name: value for name, value in values.items() if value is not None}
