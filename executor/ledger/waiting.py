"""What waits in the ledger for its thread, its time or a gate, and the order in which the jobs of a thread come."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from executor.jobs.claims import Applicant, GoesOn, Waiting
from executor.jobs.job import Origin
from executor.ledger.definitions import Keeping, keep
from executor.ledger.own_threads import alone_on
from executor.ledger.sql import waiting as sql
from executor.postgres.batching import Batcher
from executor.postgres.pool import Pool, connected, fetch, transaction
from executor.values import escaped

LET_PASS_AT_ONCE = 1000


class WaitingRoom:
    """Every method is one round trip where nothing else is said, and raises TryAgain where the database fails.

    What is parked here first belongs to `tenant`, None where tenants are not told apart.
    """

    def __init__(self, pool: Pool, tenant: str | None = None) -> None:
        self._pool = pool
        self._tenant = tenant
        self._keeping = Keeping()
        self._park = Batcher(self._park_all, key=lambda waiting: waiting[0].job.thread_id)
        self._waiting = Batcher(self._waiting_all, key=lambda job_id: job_id)

    async def park(self, waiting: Sequence[Applicant]) -> set[str]:
        """Keep jobs of one thread here until it is free or their time has come; the ids of those that must wait.

        Those of several threads travel together; one commit. Who need not wait may be claimed at once.
        """
        return await self._park(waiting)

    async def _park_all(self, lines: Sequence[Sequence[Applicant]]) -> list[set[str]]:
        """No outcome is written between the look at who blocks them and the commit, so that whoever ends wakes them."""
        everybody = [each for line in lines for each in line]
        new = self._keeping.columns(each.resolved for each in everybody)
        async with transaction(self._pool) as connection:
            await alone_on(connection, [each.job.thread_id for each in everybody], self._tenant)
            rows = await fetch(connection, sql.PARK, _columns(everybody) | {"own": self._tenant})
            first = _first_of_each_thread(rows)
            blocked = await fetch(connection, sql.STILL_BLOCKED, _identities(first)) if first else []
            await keep(connection, new)
        self._keeping.written(new)
        free = {row["job_id"] for row in first} - {row["blocked"] for row in blocked}
        must_wait = {row["job_id"] for row in rows} - free
        return [{each.job.job_id for each in line} & must_wait for line in lines]

    async def waiting(self, job_id: str) -> Waiting | None:
        """The job that waits here and the message that asked for it, or None where there is none."""
        return await self._waiting(job_id)

    async def _waiting_all(self, job_ids: Sequence[str]) -> list[Waiting | None]:
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.WAITING, {"job_ids": job_ids})
        found = {row["job_id"]: _waiting(**row) for row in rows}
        return [found.get(job_id) for job_id in job_ids]

    async def goes_on(self, thread_id: str) -> GoesOn | None:
        """The job of the thread that has begun or was woken, and whose message the ledger keeps; None for no such."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.GOES_ON, {"thread_id": thread_id})
        return GoesOn(**rows[0]) if rows else None

    async def let_pass(self, gates: Sequence[str]) -> None:
        """Let all go on that wait at gates which have opened."""
        async with connected(self._pool) as connection:
            while len(await fetch(connection, sql.OPENED, {"gates": gates})) == LET_PASS_AT_ONCE:
                pass

    async def unknown(self, after: int, before: int) -> list[int]:
        """The places in the stream between the two that no job of the ledger came from."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SEQUENCES, {"after": after, "before": before})
        known = {row["sequence"] for row in rows}
        return [sequence for sequence in range(after + 1, before) if sequence not in known]

    async def seen(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have their place in the order, or have ended."""
        async with connected(self._pool) as connection:
            return {row["job_id"] for row in await fetch(connection, sql.SEEN, {"job_ids": list(job_ids)})}


def _waiting(sequence: int | None, job_id: str, **message: Any) -> Waiting:
    return Waiting(sequence, Origin(job_id, **message))


def _columns(waiting: Sequence[Applicant]) -> dict[str, list[Any]]:
    return {
        "job_ids": [each.job.job_id for each in waiting],
        "thread_ids": [each.job.thread_id for each in waiting],
        "digests": [each.job.digest for each in waiting],
        "sequences": [each.job.sequence for each in waiting],
        "replays": [each.origin.replay or 0 for each in waiting],
        "not_befores": [each.not_before for each in waiting],
        "subjects": [each.origin.subject for each in waiting],
        "heads": [escaped(dict(each.origin.headers)) for each in waiting],
        "bodies": [each.origin.body for each in waiting],
        "agents": [each.resolved.agent for each in waiting],
        "definitions": [each.resolved.definition for each in waiting],
        "metadatas": [each.job.metadata for each in waiting],
    }


def _first_of_each_thread(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who comes first of those that wait for their thread: the others wait for him."""
    threads = sorted((row for row in rows if row["for_thread"]), key=itemgetter("thread_id", "sequence"))
    return [next(mine) for _, mine in groupby(threads, key=itemgetter("thread_id"))]


def _identities(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {f"{name}s": [row[name] for row in rows] for name in ("job_id", "thread_id", "sequence")}
