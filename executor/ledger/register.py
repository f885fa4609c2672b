"""People's side of the ledger: they ask for jobs, look at them, answer them and end them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import psycopg

from executor.jobs.answers import NotAsked, Question, WrongAnswer, chosen
from executor.jobs.job import (
    EVERY_JOB,
    TERMINAL,
    CalledOff,
    Job,
    JobFilter,
    Message,
    Origin,
    Replaced,
    Submission,
    Wake,
)
from executor.ledger.definitions import Keeping
from executor.ledger.ledger import LARGE_BYTES, as_json, kept_columns, outbox_columns
from executor.ledger.sql import people as sql
from executor.ledger.sql import threads
from executor.ledger.sql.definitions import FORGET_DEFINITIONS
from executor.ledger.sql.worker import PROMISE
from executor.postgres.batching import Batcher
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction


class Register:
    """Every method raises TryAgain where the database fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._keeping = Keeping()
        self._queue = Batcher(self._queue_all, key=lambda order: order.identity.job_id)
        self._end_of = Batcher(self._ends_of, key=lambda job_id: job_id)

    async def queue(self, orders: Sequence[Submission]) -> int | None:
        """Write down jobs and promise the messages that ask for them, all in one commit or none.

        Returns the index of the first whose id belongs to a job with other content, or None when all are written.
        One alone shares its commit with those that others order at the same moment.
        """
        if len(orders) != 1:
            return await self._queue_whole(orders)
        if orders[0].size < LARGE_BYTES:
            return await self._queue(orders[0])
        return (await self._queue_all(orders))[0]

    async def _queue_whole(self, orders: Sequence[Submission]) -> int | None:
        first = {order.identity.job_id: order for order in reversed(orders)}
        new = self._keeping.columns(order.resolved for order in orders)
        async with transaction(self._pool) as connection:
            digests = await _queued(connection, list(first.values()), new)
            conflicts = [index for index, order in enumerate(orders) if not _is_in(digests, order)]
            if conflicts:
                raise psycopg.Rollback
        if not conflicts:
            self._keeping.written(new)
        return conflicts[0] if conflicts else None

    async def _queue_all(self, orders: Sequence[Submission]) -> list[int | None]:
        """The same of orders that are each alone, and of other jobs."""
        new = self._keeping.columns(order.resolved for order in orders)
        async with connected(self._pool) as connection:
            digests = await _queued(connection, orders, new)
        self._keeping.written(new)
        return [None if _is_in(digests, order) else 0 for order in orders]

    async def replace(
        self, order: Submission, say: Callable[[str, CalledOff], Message], *, waiting: bool
    ) -> Replaced | None:
        """Write down a job and end the one that has begun on its thread, in one commit; None where its id is taken.

        `waiting` spares one that does not wait for a person.
        """
        replaced: Replaced | None = None
        new = self._keeping.columns([order.resolved])
        async with transaction(self._pool) as connection:
            if not _is_in(await _queued(connection, [order], new), order):
                raise psycopg.Rollback
            begun = await fetch(connection, sql.BEGUN, asdict(order.identity) | {"waiting": waiting})
            replaced = Replaced(*[row["job_id"] for row in begun])
            if replaced.job_id is not None:
                called = await _call_off(connection, replaced.job_id, partial(say, replaced.job_id))
                replaced = Replaced(replaced.job_id, called)
        if replaced is not None:
            self._keeping.written(new)
        return replaced

    async def job(self, job_id: str) -> Job | None:
        """The job of this id."""
        if "\0" in job_id:
            return None  # PostgreSQL holds no NUL character, so neither does an id
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW, {"job_id": job_id})
        return Job(**rows[0]) if rows else None

    async def end_of(self, job_id: str) -> Job | None:
        """The job of this id if it has ended, or asks people. One statement for those asked at the same moment."""
        row = await self._end_of(job_id)
        if row is None:
            return None
        return await self.job(job_id) if row.pop("is_large") else Job(**row)

    async def _ends_of(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW_ENDED, {"job_ids": job_ids, "large": LARGE_BYTES})
        found = {row["job_id"]: row for row in rows}
        return [found.get(job_id) for job_id in job_ids]

    async def jobs(self, limit: int, only: JobFilter = EVERY_JOB, before: Job | None = None) -> list[Job]:
        """The newest jobs first, older than `before` where given."""
        given = {name: value for name, value in asdict(only).items() if value is not None}
        if any("\0" in given.get(name, "") for name in ("thread_id", "agent")):
            return []
        if before is not None:
            given |= {"before": before.created_at, "before_id": before.job_id}
        async with connected(self._pool) as connection:
            return [Job(**row) for row in await fetch(connection, sql.listed(given), given | {"limit": limit})]

    async def resume(self, job_id: str, answer: Any, key: str | None = None) -> Wake | None:
        """Keep a person's answer, and let the job go on where it waits for people; None where it need not be woken.

        The same answer with the same Idempotency-Key again changes nothing. Raises NotAsked or WrongAnswer.
        """
        async with transaction(self._pool) as connection:
            rows = await fetch(connection, sql.ASKED, {"job_id": job_id})
            if key is not None and await _is_repeated(connection, job_id, key, answer):
                return None
            waits = rows[0]["status"] == "interrupted" and not rows[0]["answered"]
            questions = _questions(rows[0], asked_anew=waits)
            if rows[0]["status"] in TERMINAL:
                raise NotAsked(f"the job has {rows[0]['status']} already")
            answers = chosen(answer, questions)
            for question in questions:
                if question.id in answers:
                    await connection.execute(sql.ANSWER, _answer_row(job_id, question, answers[question.id], key))
            return await _go_on(connection, job_id, questions, answers, waits=waits) if answers else None

    async def cancel(self, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
        """End the job and promise what `say` says of it, or None where a worker has it and is to end it.

        None as well for a job that has ended already; it stays as it is.
        """
        async with transaction(self._pool) as connection:
            return await _call_off(connection, job_id, say)

    async def expire(self, keep_seconds: float, forget: Callable[[str], Awaitable[None]]) -> int:
        """Forget up to a hundred jobs that ended so long ago, and each thread that has no job any more; how many.

        With them up to a hundred definitions that no job names any more. A thread that people made or changed later
        stays known, without its checkpoints. Nobody begins on a thread while it is forgotten; where that fails, its
        jobs are there for the next time.
        """
        async with transaction(self._pool) as connection:
            if not (await fetch(connection, sql.ALONE, {}))[0]["yes"]:
                return 0
            gone = await fetch(connection, sql.EXPIRE, {"keep": keep_seconds})
            theirs = sorted({row["thread_id"] for row in gone})
            held = await fetch(connection, sql.HOLD, {"thread_ids": theirs})
            for row in held:
                await forget(row["thread_id"])
            await connection.execute(sql.LET_GO, {"job_ids": [row["job_id"] for row in held]})
            await connection.execute(sql.EXPIRE_SAID, {"keep": keep_seconds})
            await connection.execute(FORGET_DEFINITIONS, {"keep": keep_seconds})
            without = await fetch(connection, threads.EXPIRE_THREADS, {"keep": keep_seconds})
        return max(len(gone), len(without))


async def _call_off(connection: Connection, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
    rows = await fetch(connection, sql.CANCEL, {"job_id": job_id})
    if not rows or rows[0]["status"] != "cancelled":
        return None
    row = rows[0]
    origin = Origin(job_id, row["subject"], row["headers"], row["body"]) if row["subject"] else None
    called = CalledOff(row["thread_id"], row["attempts"], origin)
    await connection.execute(PROMISE, {"job_id": job_id} | outbox_columns([say(called)]))
    return called


async def _queued(
    connection: Connection, orders: Sequence[Submission], new: Mapping[str, list[str]]
) -> dict[str, bytes]:
    """Queue jobs that are not there yet; the digest of each as it is there now."""
    values = {
        "job_ids": [order.identity.job_id for order in orders],
        "thread_ids": [order.identity.thread_id for order in orders],
        "digests": [order.identity.digest for order in orders],
        "agents": [order.resolved.agent for order in orders],
        "definitions": [order.resolved.definition for order in orders],
        "metadatas": [order.identity.metadata for order in orders],
    }
    kept, said = kept_columns([order.kept for order in orders]), outbox_columns([order.message for order in orders])
    rows = await fetch(connection, sql.QUEUE, values | kept | said | dict(new))
    return {row["job_id"]: row["digest"] for row in rows}


def _is_in(digests: Mapping[str, bytes], order: Submission) -> bool:
    return digests[order.identity.job_id] == order.identity.digest


def _questions(row: Mapping[str, Any], *, asked_anew: bool) -> list[Question]:
    """What the job asks, and what it asked before; a question asked after its answer was taken is in its next turn."""
    known = {each["id"]: Question(**each) for each in row["questions"] or ()}
    asked = [
        _turn(each, known.pop(each["id"], None), asked_anew=asked_anew)
        for each in (row["result"] or {}).get("interrupts", ())
    ]
    return asked + [question for question in known.values() if question.answered]


def _turn(interrupt: dict[str, Any], known: Question | None, *, asked_anew: bool) -> Question:
    if known is None:
        return Question(interrupt["id"], asked=interrupt)
    if known.answered and asked_anew:
        return Question(interrupt["id"], known.turn + 1, asked=interrupt)
    return replace(known, asked=interrupt)


async def _is_repeated(connection: Connection, job_id: str, key: str, answer: Any) -> bool:
    """Whether the answer came with this key before; raises WrongAnswer where another one did."""
    before = await fetch(connection, sql.REPEATED, {"job_id": job_id, "key": key})
    given = {row["id"]: row["answer"] for row in before}
    if not given:
        return False
    if answer != given and [answer] != list(given.values()):
        raise WrongAnswer("Idempotency-Key", "came with another answer before")
    return True


async def _go_on(
    connection: Connection, job_id: str, questions: Sequence[Question], answers: Mapping[str, Any], *, waits: bool
) -> Wake | None:
    left = [question.asked for question in questions if question.id not in answers and not question.answered]
    result = as_json({"interrupts": left}) if left else None
    if not waits:
        await connection.execute(sql.ANSWERED, {"job_id": job_id, "result": result})
        return None
    asked = [question.asked for question in questions if question.id in answers]
    given = next(iter(answers.values())) if len(asked) == 1 else dict(answers)
    answer = as_json({"resume": given, "interrupts": asked})
    return Wake(**(await fetch(connection, sql.RESUME, {"job_id": job_id, "result": result, "answer": answer}))[0])


def _answer_row(job_id: str, question: Question, answer: Any, key: str | None) -> dict[str, Any]:
    return {"job_id": job_id, "id": question.id, "turn": question.turn, "answer": as_json(answer), "key": key}
