"""People's side of the ledger: they ask for jobs, look at them, answer them and end them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

import psycopg

from executor.jobs.job import CalledOff, Job, Message, Origin, Submission, Wake
from executor.ledger import sql
from executor.ledger.ledger import as_json, outbox_columns, waiting_columns
from executor.postgres.pool import Pool, connected, fetch, transaction


class Register:
    """Every method raises TryAgain where the database fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def queue(self, orders: Sequence[Submission]) -> int | None:
        """Write down jobs and promise the messages that ask for them, all in one commit or none.

        Returns the index of the first whose id belongs to a job with other content, or None when all are written.
        """
        conflict = None
        async with transaction(self._pool) as connection:
            for index, order in enumerate(orders):
                rows = await fetch(connection, sql.QUEUE, asdict(order.identity) | waiting_columns(order.kept))
                if not rows[0]["same"]:
                    conflict = index
                    raise psycopg.Rollback
                await connection.execute(
                    sql.PROMISE, {"job_id": order.identity.job_id} | outbox_columns([order.message])
                )
        return conflict

    async def job(self, job_id: str) -> Job | None:
        """The job of this id."""
        if "\0" in job_id:
            return None  # PostgreSQL holds no NUL character, so neither does an id
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW, {"job_id": job_id})
        return Job(**rows[0]) if rows else None

    async def jobs(self, limit: int, status: str | None = None, before: Job | None = None) -> list[Job]:
        """The newest jobs first, of one status where given, older than `before` where given."""
        values = {
            "limit": limit,
            "status": status,
            "before": before.created_at if before else None,
            "before_id": before.job_id if before else None,
        }
        async with connected(self._pool) as connection:
            return [Job(**row) for row in await fetch(connection, sql.LIST, values)]

    async def resume(self, job_id: str, answer: Any) -> Wake | None:
        """Let an interrupted job go on with a person's answer; None where it is not interrupted."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.RESUME, {"job_id": job_id, "answer": as_json(answer)})
        return Wake(**rows[0]) if rows else None

    async def cancel(self, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
        """End the job and promise what `say` says of it, or None where a worker has it and is to end it.

        None as well for a job that has ended already; it stays as it is.
        """
        async with transaction(self._pool) as connection:
            rows = await fetch(connection, sql.CANCEL, {"job_id": job_id})
            if not rows or rows[0]["status"] != "cancelled":
                return None
            row = rows[0]
            origin = Origin(job_id, row["subject"], row["headers"], row["body"]) if row["subject"] else None
            called = CalledOff(row["thread_id"], row["attempts"], origin)
            await connection.execute(sql.PROMISE, {"job_id": job_id} | outbox_columns([say(called)]))
        return called

    async def expire(self, keep_seconds: float, forget: Callable[[str], Awaitable[None]]) -> int:
        """Forget up to a hundred jobs that ended so long ago, and each thread that has no job any more; how many jobs.

        Nobody begins on a thread while it is forgotten; where that fails, its jobs are there for the next time.
        """
        async with transaction(self._pool) as connection:
            if not (await fetch(connection, sql.ALONE, {}))[0]["yes"]:
                return 0
            gone = await fetch(connection, sql.EXPIRE, {"keep": keep_seconds})
            threads = sorted({row["thread_id"] for row in gone})
            held = await fetch(connection, sql.HOLD, {"thread_ids": threads})
            for row in held:
                await forget(row["thread_id"])
            await connection.execute(sql.LET_GO, {"job_ids": [row["job_id"] for row in held]})
            await connection.execute(sql.EXPIRE_SAID, {"keep": keep_seconds})
        return len(gone)
