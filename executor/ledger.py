"""The ledger in Postgres: who works on which job, what became of it, and what must still be published.

Every write of a worker is conditional on the epoch of its claim, so that one that was paused past its lease writes
nothing. Time is the database's.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Json
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from executor.errors import LeaseLost, TryAgain
from executor.jobs import Busy, Claim, Conflict, Finished, Identity, Job, Message, Outcome
from executor.settings import PostgresSettings

log = structlog.get_logger()

Connection = psycopg.AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

CONNECTIONS = 8
WAIT_SECONDS = 10.0
STATEMENT_TIMEOUT = "-c statement_timeout=30s -c lock_timeout=10s"


CLAIM = """
INSERT INTO jobs AS job (job_id, thread_id, digest, status, attempts, epoch, lease_until, started_at)
VALUES (%(job_id)s, %(thread_id)s, %(digest)s, 'running', 1, 1, now() + %(lease)s * interval '1 second', now())
ON CONFLICT (job_id) DO UPDATE
SET status = 'running', attempts = job.attempts + 1, epoch = job.epoch + 1, lease_until = excluded.lease_until,
    started_at = coalesce(job.started_at, excluded.started_at)
WHERE job.digest = excluded.digest AND job.finished_at IS NULL AND coalesce(job.lease_until, now()) <= now()
RETURNING epoch, attempts, extract(epoch FROM now() - started_at)::float AS elapsed
"""

REFUSED = """
SELECT status, digest = %(digest)s AS same, finished_at IS NOT NULL OR status = 'interrupted' AS finished,
       greatest(extract(epoch FROM lease_until - now()), 0)::float AS after
FROM jobs WHERE job_id = %(job_id)s
"""

QUEUE = """
INSERT INTO jobs AS job (job_id, thread_id, digest, status) VALUES (%(job_id)s, %(thread_id)s, %(digest)s, 'queued')
ON CONFLICT (job_id) DO UPDATE SET digest = job.digest
RETURNING digest = %(digest)s AS same
"""

RENEW = """
UPDATE jobs SET lease_until = now() + %(lease)s * interval '1 second'
FROM unnest(%(job_ids)s::text[], %(epochs)s::bigint[]) AS held (job_id, epoch)
WHERE jobs.job_id = held.job_id AND jobs.epoch = held.epoch AND jobs.status = 'running'
RETURNING jobs.job_id
"""

RELEASE = """
UPDATE jobs SET status = 'queued', lease_until = NULL, attempts = attempts - %(unused)s
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
"""

FINISH = """
UPDATE jobs SET status = %(status)s, result = %(result)s, error = %(error)s, duration_ms = %(duration_ms)s,
    lease_until = NULL, finished_at = CASE WHEN %(status)s <> 'interrupted' THEN now() END
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
"""

PROMISE = """
INSERT INTO outbox (id, job_id, subject, headers, body)
VALUES (%(id)s, %(job_id)s, %(subject)s, %(headers)s, %(body)s) ON CONFLICT (id) DO NOTHING
"""

UNPUBLISHED = """
SELECT id, subject, headers, body FROM outbox WHERE job_id = %(job_id)s AND published_at IS NULL ORDER BY created_at, id
"""

OVERDUE = """
SELECT id, subject, headers, body FROM outbox
WHERE published_at IS NULL AND created_at < now() - interval '30 seconds' ORDER BY created_at LIMIT 100
"""

PUBLISHED = "UPDATE outbox SET published_at = now() WHERE id = ANY(%(ids)s) AND published_at IS NULL"

COLUMNS = "job_id, thread_id, status, attempts, created_at, started_at, finished_at, duration_ms, result, error"

SHOW = f"SELECT {COLUMNS} FROM jobs WHERE job_id = %(job_id)s"  # noqa: S608 - our own columns

LIST = f"""
SELECT {COLUMNS} FROM jobs
WHERE (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, job_id) < (%(before)s, %(before_id)s))
ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s
"""  # noqa: S608 - our own columns


class Ledger:
    """The jobs and the outbox; every method raises TryAgain where the database fails."""

    def __init__(self, pool: Pool, lease_seconds: float) -> None:
        self._pool = pool
        self._lease = lease_seconds

    async def claim(self, job: Identity) -> Claim | Busy | Finished | Conflict:
        """Take the job and count the attempt, or learn why not."""
        values = asdict(job) | {"lease": self._lease}
        async with self._connection() as connection:
            try:
                rows = await _fetch(connection, CLAIM, values)
            except psycopg.errors.UniqueViolation:
                return Busy(after=1.0)  # the thread's other job is running
            if rows:
                return Claim(job.job_id, rows[0]["epoch"], rows[0]["attempts"], rows[0]["elapsed"])
            return await _refused(connection, values)

    async def queue(self, jobs: Sequence[tuple[Identity, Message]]) -> int | None:
        """Write down jobs and promise the messages that ask for them, all in one commit or none.

        Returns the index of the first whose id belongs to a job with other content, or None when all are written.
        """
        conflict = None
        async with self._transaction() as connection:
            for index, (job, message) in enumerate(jobs):
                rows = await _fetch(connection, QUEUE, asdict(job))
                if not rows[0]["same"]:
                    conflict = index
                    raise psycopg.Rollback
                await _promise(connection, job.job_id, [message])
        return conflict

    async def renew(self, claims: Iterable[Claim]) -> set[str]:
        """Extend all leases of this process in one statement; returns the ids of the jobs that it still owns."""
        held = list(claims)
        values = {
            "lease": self._lease,
            "job_ids": [claim.job_id for claim in held],
            "epochs": [claim.epoch for claim in held],
        }
        async with self._connection() as connection:
            return {row["job_id"] for row in await _fetch(connection, RENEW, values)}

    async def release(self, claim: Claim, *, unused: bool) -> None:
        """Give the job back to the queue; an attempt that was cut short by a stop is `unused` and does not count."""
        async with self._connection() as connection:
            await connection.execute(RELEASE, {"job_id": claim.job_id, "epoch": claim.epoch, "unused": int(unused)})

    async def finish(self, claim: Claim, outcome: Outcome) -> None:
        """Write the outcome and promise its messages in one commit; raises LeaseLost where the job is another's."""
        values = {
            "job_id": claim.job_id,
            "epoch": claim.epoch,
            "status": outcome.status,
            "result": _json(outcome.result),
            "error": _json(outcome.error),
            "duration_ms": outcome.duration_ms,
        }
        async with self._transaction() as connection:
            cursor = await connection.execute(FINISH, values)
            if cursor.rowcount == 0:
                raise LeaseLost(claim.job_id)
            await _promise(connection, claim.job_id, outcome.messages)

    async def promise(self, messages: Sequence[Message]) -> None:
        """Promise messages that belong to no job: those about an event too broken to name one."""
        async with self._transaction() as connection:
            await _promise(connection, None, messages)

    async def overdue(self) -> list[Message]:
        """Up to a hundred messages that were promised half a minute ago and are not marked."""
        async with self._connection() as connection:
            return [Message(**row) for row in await _fetch(connection, OVERDUE, {})]

    async def published(self, messages: Sequence[Message]) -> None:
        """Mark messages that the broker has."""
        async with self._connection() as connection:
            await connection.execute(PUBLISHED, {"ids": [message.id for message in messages]})

    async def job(self, job_id: str) -> Job | None:
        """The job of this id."""
        async with self._connection() as connection:
            rows = await _fetch(connection, SHOW, {"job_id": job_id})
        return Job(**rows[0]) if rows else None

    async def jobs(self, limit: int, status: str | None = None, before: Job | None = None) -> list[Job]:
        """The newest jobs first, of one status where given, older than `before` where given."""
        values = {
            "limit": limit,
            "status": status,
            "before": before.created_at if before else None,
            "before_id": before.job_id if before else None,
        }
        async with self._connection() as connection:
            return [Job(**row) for row in await _fetch(connection, LIST, values)]

    async def check(self) -> None:
        """Raise TryAgain unless the database answers and is migrated."""
        async with self._connection() as connection:
            await connection.execute("SELECT FROM jobs, outbox, checkpoints LIMIT 0")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise TryAgain(f"Postgres: {str(error).strip() or repr(error)}") from error
        except psycopg.errors.UndefinedTable as error:
            raise TryAgain("Postgres: the tables are missing; run `agent-executor migrate`") from error


@asynccontextmanager
async def open_pool(settings: PostgresSettings) -> AsyncIterator[Pool]:
    """A pool of connections as both the ledger and LangGraph's saver want them; it connects when it can."""
    pool: Pool = AsyncConnectionPool(
        kwargs=settings.conninfo()
        | {
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "options": STATEMENT_TIMEOUT,
            "connect_timeout": 10,
            "application_name": "agent-executor",
        },
        min_size=1,
        max_size=CONNECTIONS,
        timeout=WAIT_SECONDS,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=5)


def _json(value: dict[str, Any] | None) -> Json | None:
    return None if value is None else Json(value)


async def _fetch(connection: Connection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = await connection.execute(query, values)
    return await cursor.fetchall()


async def _refused(connection: Connection, values: dict[str, Any]) -> Busy | Finished | Conflict:
    rows = await _fetch(connection, REFUSED, values)
    if not rows:
        return Busy(after=1.0)  # it was there a moment ago: the retention took it
    if not rows[0]["same"]:
        return Conflict()
    if not rows[0]["finished"]:
        return Busy(after=rows[0]["after"])
    unpublished = await _fetch(connection, UNPUBLISHED, {"job_id": values["job_id"]})
    return Finished(rows[0]["status"], tuple(Message(**row) for row in unpublished))


async def _promise(connection: Connection, job_id: str | None, messages: Sequence[Message]) -> None:
    async with connection.cursor() as cursor:
        for message in messages:
            row = {"id": message.id, "job_id": job_id, "subject": message.subject}
            await cursor.execute(PROMISE, row | {"headers": Json(message.headers), "body": message.body})
