"""The worker's side of the ledger: claims, leases, outcomes, and what waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from json import dumps
from typing import Any

import psycopg
from psycopg.types.json import Json

from executor.errors import LeaseLost, TryAgain
from executor.jobs import (
    Blocked,
    Busy,
    Claim,
    Conflict,
    Early,
    Finished,
    Identity,
    Message,
    Origin,
    Outcome,
    Turned,
    Waiting,
    Wake,
)
from executor.ledger import sql
from executor.ledger.pool import Connection, Pool, connected, fetch, transaction


class Ledger:
    """Every method is one round trip where nothing else is said, and raises TryAgain where the database fails."""

    def __init__(self, pool: Pool, lease_seconds: float) -> None:
        self._pool = pool
        self._lease = lease_seconds

    async def claim(
        self, job: Identity, not_before: datetime | None = None, replay: int | None = None
    ) -> Claim | Turned:
        """Take the job and count the attempt, or learn why not (a second round trip).

        A failed job is taken again, once, for each dead letter that it is a replay of.
        """
        values = asdict(job) | {"lease": self._lease, "not_before": not_before, "replay": replay}
        async with connected(self._pool) as connection:
            try:
                rows = await fetch(connection, sql.CLAIM, values)
            except psycopg.errors.UniqueViolation:
                return Blocked()  # somebody began on the thread at this moment
            return Claim(job.job_id, **rows[0]) if rows else await _refused(connection, values)

    async def waiting(self, job_id: str) -> Waiting | None:
        """The job that waits here and the message that asked for it, or None where there is none."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.WAITING, {"job_id": job_id})
        if not rows or rows[0]["body"] is None:
            return None
        row = rows[0]
        return Waiting(row["sequence"], Origin(job_id, row["subject"], row["headers"], row["body"]))

    async def park(self, job: Identity, origin: Origin, not_before: datetime | None = None) -> bool:
        """Keep the job here until its thread is free or its time has come; False where it need not wait any more."""
        values = asdict(job) | waiting_columns(origin) | {"not_before": not_before, "replay": origin.replay}
        async with transaction(self._pool) as connection:
            parked = bool(await fetch(connection, sql.PARK, values))
            if parked and not_before is None:
                parked = bool(await fetch(connection, sql.STILL_BLOCKED, values))
            if not parked:
                raise psycopg.Rollback
        return parked

    async def renew(self, claims: Iterable[Claim]) -> Mapping[str, bool]:
        """Extend all leases of this process; the ids of those that it still owns, and whether each is to be ended."""
        held = list(claims)
        values = {
            "lease": self._lease,
            "job_ids": [claim.job_id for claim in held],
            "epochs": [claim.epoch for claim in held],
        }
        async with connected(self._pool) as connection:
            return {row["job_id"]: row["cancelling"] for row in await fetch(connection, sql.RENEW, values)}

    async def release(self, claim: Claim, *, unused: bool) -> None:
        """Give the job back to the queue; an attempt that was cut short by a stop is `unused` and does not count."""
        async with connected(self._pool) as connection:
            await connection.execute(sql.RELEASE, _of(claim) | {"unused": int(unused)})

    async def finish(self, claim: Claim, outcome: Outcome, kept: Origin | None = None) -> None:
        """Write the outcome and promise its messages in one commit; raises LeaseLost where the job is another's.

        A job that is to go on later keeps the message that asked for it.
        """
        written = {
            "status": outcome.status,
            "result": _json(outcome.result),
            "error": _json(outcome.error),
            "duration_ms": outcome.duration_ms,
        }
        async with connected(self._pool) as connection:
            values = _of(claim) | written | waiting_columns(kept) | outbox_columns(outcome.messages)
            if not await fetch(connection, sql.FINISH, values):
                raise LeaseLost(claim.job_id)

    async def settle(self, thread_id: str, published: Sequence[Message]) -> list[Wake]:
        """Mark messages that the broker has, and wake the next job of the thread if it is free now."""
        values = {"thread_id": thread_id, "ids": [message.id for message in published]}
        async with connected(self._pool) as connection:
            return [Wake(**row) for row in await fetch(connection, sql.SETTLE, values)]

    async def reject(self, job: Identity, outcome: Outcome) -> None:
        """Write down a job that failed before any worker began with it; raises TryAgain where one did meanwhile."""
        async with transaction(self._pool) as connection:
            if not await fetch(connection, sql.REJECT, asdict(job) | {"error": _json(outcome.error)}):
                raise TryAgain(f"job {job.job_id} was begun with or ended at this moment")
            await connection.execute(sql.PROMISE, {"job_id": job.job_id} | outbox_columns(outcome.messages))

    async def promise(self, messages: Sequence[Message]) -> None:
        """Promise messages that belong to no job: those about an event too broken to name one."""
        async with connected(self._pool) as connection:
            await connection.execute(sql.PROMISE, {"job_id": None} | outbox_columns(messages))

    async def published(self, messages: Sequence[Message]) -> None:
        """Mark messages that the broker has."""
        async with connected(self._pool) as connection:
            await connection.execute(sql.PUBLISHED, {"ids": [message.id for message in messages]})

    async def overdue(self) -> list[Message]:
        """Up to a hundred messages that were promised half a minute ago and are not marked."""
        async with connected(self._pool) as connection:
            return [Message(**row) for row in await fetch(connection, sql.OVERDUE, {})]

    async def wakes(self) -> list[Wake]:
        """Wake whose time has come and whose thread is free; also those woken long ago that nobody began with."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.WAKE_DUE, {}) + await fetch(connection, sql.WAKE_AGAIN, {})
        return [Wake(**row) for row in rows]

    async def unknown(self, after: int, before: int) -> list[int]:
        """The places in the stream between the two that no job of the ledger came from."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SEQUENCES, {"after": after, "before": before})
        known = {row["sequence"] for row in rows}
        return [sequence for sequence in range(after + 1, before) if sequence not in known]

    async def seen(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that the ledger has."""
        async with connected(self._pool) as connection:
            return {row["job_id"] for row in await fetch(connection, sql.SEEN, {"job_ids": list(job_ids)})}

    async def check(self) -> None:
        """Raise TryAgain unless the database answers and is migrated."""
        async with connected(self._pool) as connection:
            await connection.execute("SELECT FROM jobs, outbox, checkpoints LIMIT 0")


async def _refused(connection: Connection, values: Mapping[str, Any]) -> Turned:
    row = (await fetch(connection, sql.REFUSED, values))[0]
    if row["same"] is False:
        return Conflict()
    if row["ended"]:
        unpublished = await fetch(connection, sql.UNPUBLISHED, {"job_id": values["job_id"]})
        return Finished(row["status"], tuple(Message(**message) for message in unpublished))
    if row["leased"]:
        return Busy(row["leased"])
    if row["early"]:
        return Early()
    return Blocked() if row["blocked"] else Busy(0.0)


def _of(claim: Claim) -> dict[str, Any]:
    return {"job_id": claim.job_id, "epoch": claim.epoch}


def _json(value: Mapping[str, Any] | None) -> Json | None:
    return None if value is None else Json(value)


def waiting_columns(origin: Origin | None) -> dict[str, Any]:
    """The columns of the message that asked for a job, empty where it need not be kept."""
    if origin is None:
        return {"subject": None, "headers": None, "body": None}
    return {"subject": origin.subject, "headers": Json(dict(origin.headers)), "body": origin.body}


def outbox_columns(messages: Sequence[Message]) -> dict[str, list[Any]]:
    """The columns of rows of the outbox."""
    return {
        "ids": [message.id for message in messages],
        "subjects": [message.subject for message in messages],
        "heads": [dumps(message.headers) for message in messages],
        "bodies": [message.body for message in messages],
    }
