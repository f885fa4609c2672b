"""The worker's side of the ledger: claims, leases, outcomes, and what waits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Json

from executor.errors import LeaseLost, TryAgain
from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.answers import Question
from executor.jobs.claims import Blocked, Busy, Claim, Conflict, Early, Finished, NotClaimed, Tries, Wake
from executor.jobs.job import Identity, Message, Origin, Outcome
from executor.ledger.definitions import Keeping
from executor.ledger.own_threads import on_threads
from executor.ledger.sql import worker as sql
from executor.postgres.batching import Batcher
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction
from executor.values import escaped

LARGE_BYTES = 256 << 10  # such an outcome goes alone


@dataclass(frozen=True)
class Wanted:
    """A job that a worker wants to claim."""

    job: Identity
    not_before: datetime | None
    replay: int
    resolved: Resolved


@dataclass(frozen=True)
class Ending:
    """How a worker's claim ends."""

    claim: Claim
    outcome: Outcome
    kept: Origin | None

    @property
    def size(self) -> int:
        """About how many bytes it writes."""
        messages = sum(len(message.body) for message in self.outcome.messages)
        return self.outcome.size + messages + len(self.kept.body if self.kept else b"")


class Ledger:
    """Every method is one round trip where nothing else is said, and raises TryAgain where the database fails.

    Claims, outcomes and what follows them are one for many jobs: each as if it were alone. What is claimed here first
    belongs to `tenant`, None where tenants are not told apart; where they are, a claim is one transaction.
    """

    def __init__(self, pool: Pool, lease_seconds: float, tenant: str | None = None) -> None:
        self._pool = pool
        self._lease = lease_seconds
        self._tenant = tenant
        self._keeping = Keeping()
        self._claim = Batcher(self._claim_all, key=lambda wanted: wanted.job.thread_id)
        self._finish = Batcher(self._finish_all, key=lambda ending: ending.claim.job_id)
        self._mark_and_wake = Batcher(self._mark_and_wake_all, key=lambda told: told[0] or told[1])

    async def claim(
        self,
        job: Identity,
        not_before: datetime | None = None,
        replay: int | None = None,
        resolved: Resolved = UNRESOLVED,
    ) -> Claim | NotClaimed:
        """Take the job and count the attempt, or learn why not (a second round trip).

        A failed job is taken again, once, for each dead letter that it is a replay of. Of what is `resolved` the first
        counts. A thread of another tenant is a Conflict.
        """
        wanted = Wanted(job, not_before, replay or 0, resolved)
        try:
            claim = await self._claim(wanted)
        except psycopg.errors.UniqueViolation:
            claim = None  # somebody began on the thread at this moment
        return claim or await self._why_not(wanted)

    async def _claim_all(self, wanted: Sequence[Wanted]) -> list[Claim | None]:
        new = self._keeping.columns(each.resolved for each in wanted)
        values: dict[str, Any] = {
            "lease": self._lease,
            "own": self._tenant,
            "job_ids": [each.job.job_id for each in wanted],
            "thread_ids": [each.job.thread_id for each in wanted],
            "digests": [each.job.digest for each in wanted],
            "sequences": [each.job.sequence for each in wanted],
            "not_befores": [each.not_before for each in wanted],
            "replays": [each.replay for each in wanted],
            "agents": [each.resolved.agent for each in wanted],
            "definitions": [each.resolved.definition for each in wanted],
            "metadatas": [each.job.metadata for each in wanted],
        }
        async with on_threads(self._pool, values["thread_ids"], self._tenant) as connection:
            claims = {row["job_id"]: _claim(row) for row in await fetch(connection, sql.CLAIM, values | new)}
        self._keeping.written(new)
        return [claims.get(each.job.job_id) for each in wanted]

    async def _why_not(self, wanted: Wanted) -> NotClaimed:
        values = asdict(wanted.job) | {"not_before": wanted.not_before, "replay": wanted.replay, "own": self._tenant}
        async with connected(self._pool) as connection:
            row = (await fetch(connection, sql.REFUSED, values))[0]
            if row["same"] is not False and row["ended"]:
                return await _finished(connection, wanted.job.job_id, row)
        return _reason(row)

    async def ended(self, job_id: str) -> tuple[str, Finished] | None:
        """The thread of a job that has its outcome, and the outcome; None for any other."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.ENDED, {"job_id": job_id})
            return (rows[0]["thread_id"], await _finished(connection, job_id, rows[0])) if rows else None

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

    async def tally(self, claim: Claim) -> Tries:
        """How the claim's attempt stands where it failed; raises LeaseLost where the job is another's."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.TALLY, _of(claim))
        if not rows:
            raise LeaseLost(claim.job_id)
        row = rows[0]
        return Tries(row["attempt"], row["total"], row["fault"], advanced=row["steps"] > claim.steps)

    async def release(self, claim: Claim, after: float = 0.0, *, unused: bool) -> None:
        """Give the job back to the queue, for in so many seconds; an attempt that a stop cut short is `unused`."""
        async with connected(self._pool) as connection:
            await connection.execute(sql.RELEASE, _of(claim) | {"unused": int(unused), "after": after})

    async def postpone(self, claim: Claim, origin: Origin, after: float, gate: str | None) -> None:
        """Keep the job here for so many seconds, as no attempt of its step; at a gate it was not even tried.

        Raises LeaseLost where the job is another's.
        """
        values = _of(claim) | waiting_columns(origin) | {"after": after, "gate": gate, "tried": int(gate is None)}
        async with connected(self._pool) as connection:
            if not await fetch(connection, sql.POSTPONE, values):
                raise LeaseLost(claim.job_id)

    async def finish(self, claim: Claim, outcome: Outcome, kept: Origin | None = None) -> bool:
        """Write the outcome and promise its messages in one commit; raises LeaseLost where the job is another's.

        A job that is to go on later keeps the message that asked for it; the answer is whether it goes on at once, as a
        person answered it while it ran.
        """
        ending = Ending(claim, outcome, kept)
        status = await self._finish(ending) if ending.size < LARGE_BYTES else (await self._finish_all([ending]))[0]
        if status is None:
            raise LeaseLost(claim.job_id)
        return status != outcome.status

    async def _finish_all(self, endings: Sequence[Ending]) -> list[str | None]:
        outcomes = [ending.outcome for ending in endings]
        kept = kept_columns([ending.kept for ending in endings])
        said = [(ending.claim.job_id, message) for ending in endings for message in ending.outcome.messages]
        asked = [(ending.claim.job_id, question) for ending in endings for question in ending.outcome.questions]
        values = {
            "job_ids": [ending.claim.job_id for ending in endings],
            "epochs": [ending.claim.epoch for ending in endings],
            "statuses": [outcome.status for outcome in outcomes],
            "results": [_text(outcome.result) for outcome in outcomes],
            "errors": [_text(outcome.error) for outcome in outcomes],
            "durations": [outcome.duration_ms for outcome in outcomes],
            "abouts": [job_id for job_id, _ in said],
            "askers": [job_id for job_id, _ in asked],
            "question_ids": [question.id for _, question in asked],
            "turns": [question.turn for _, question in asked],
        }
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.FINISH, values | kept | outbox_columns([message for _, message in said]))
        ended = {row["job_id"]: row["status"] for row in rows}
        return [ended.get(ending.claim.job_id) for ending in endings]

    async def mark_and_wake(self, thread_id: str, published: Sequence[Message]) -> list[Wake]:
        """Mark messages that the broker has, and wake the next job of the thread if it is free now."""
        return await self._mark_and_wake((thread_id, tuple(message.id for message in published)))

    async def _mark_and_wake_all(self, told: Sequence[tuple[str | None, tuple[str, ...]]]) -> list[list[Wake]]:
        threads = [thread for thread, _ in told if thread is not None]
        values = {"thread_ids": threads, "ids": [each for _, ids in told for each in ids]}
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SETTLE, values)
        woken = {row["thread_id"]: Wake(row["job_id"], row["wakes"]) for row in rows}
        return [[woken[thread]] if thread in woken else [] for thread, _ in told]

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
        await self._mark_and_wake((None, tuple(message.id for message in messages)))

    async def check(self) -> None:
        """Raise TryAgain unless the database answers and is migrated."""
        async with connected(self._pool) as connection:
            await connection.execute(
                "SELECT FROM jobs, outbox, checkpoints, sweeps, definitions, pods, threads LIMIT 0"
            )


def _claim(row: dict[str, Any]) -> Claim:
    """A claim, with what people answered; an earlier image left that in the job itself."""
    given, asked = row.pop("answer"), row.pop("questions")
    resolved = Resolved(row.pop("agent"), row.pop("definition"))
    questions = {each["id"]: Question(**each) for each in asked or ()}
    for question in _of_earlier_image(given or {}):
        if not (known := questions.get(question.id)) or not known.answered:
            questions[question.id] = replace(question, turn=known.turn if known else 1)
    return Claim(**row, questions=tuple(questions.values()), resolved=resolved)


def _of_earlier_image(given: Mapping[str, Any]) -> Iterator[Question]:
    asked, answer = given.get("interrupts") or (), given.get("resume")
    for interrupt in asked:
        if len(asked) == 1 and not (isinstance(answer, dict) and interrupt["id"] in answer):
            yield Question(interrupt["id"], answered=True, answer=answer)
        elif isinstance(answer, dict) and interrupt["id"] in answer:
            yield Question(interrupt["id"], answered=True, answer=answer[interrupt["id"]])


async def _finished(connection: Connection, job_id: str, row: Mapping[str, Any]) -> Finished:
    unpublished = await fetch(connection, sql.UNPUBLISHED, {"job_id": job_id})
    return Finished(row["status"], row["attempts"], tuple(Message(**message) for message in unpublished))


def _reason(row: Mapping[str, Any]) -> NotClaimed:
    if row["same"] is False or row["foreign_thread"]:
        return Conflict()
    if row["leased"]:
        return Busy(row["leased"])
    if row["early"]:
        return Early()
    return Blocked() if row["blocked"] else Busy(0.0)


def _of(claim: Claim) -> dict[str, Any]:
    return {"job_id": claim.job_id, "epoch": claim.epoch}


def _json(value: Mapping[str, Any] | None) -> Json | None:
    return None if value is None else as_json(value)


def as_json(value: Any) -> Json:
    """A value for a column of JSON."""
    return Json(value, escaped)


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else escaped(value)


def waiting_columns(origin: Origin | None) -> dict[str, Any]:
    """The columns of the message that asked for a job, empty where it need not be kept."""
    if origin is None:
        return {"subject": None, "headers": None, "body": None}
    return {"subject": origin.subject, "headers": as_json(dict(origin.headers)), "body": origin.body}


def kept_columns(origins: Sequence[Origin | None]) -> dict[str, list[Any]]:
    """The same of many."""
    return {
        "kept_subjects": [origin and origin.subject for origin in origins],
        "kept_headers": [origin and escaped(dict(origin.headers)) for origin in origins],
        "kept_bodies": [origin and origin.body for origin in origins],
    }


def outbox_columns(messages: Sequence[Message]) -> dict[str, list[Any]]:
    """The columns of rows of the outbox."""
    return {
        "ids": [message.id for message in messages],
        "subjects": [message.subject for message in messages],
        "heads": [escaped(message.headers) for message in messages],
        "bodies": [message.body for message in messages],
    }
