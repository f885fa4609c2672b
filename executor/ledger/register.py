"""People's side of the ledger: they ask for jobs, look at them, answer them and end them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
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
    Submission,
    Taken,
    Wake,
)
from executor.ledger.ledger import as_json, outbox_columns, waiting_columns
from executor.ledger.own_threads import alone_on
from executor.ledger.sql import people as sql
from executor.ledger.sql.worker import PROMISE
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction


class Register:
    """Every method raises TryAgain where the database fails.

    Jobs without a tenant belong to `tenant`, None where tenants are not told apart.
    """

    def __init__(self, pool: Pool, tenant: str | None = None) -> None:
        self._pool = pool
        self._tenant = tenant

    async def queue(self, orders: Sequence[Submission], tenant: str | None = None) -> Taken | None:
        """Write down jobs of the tenant and promise the messages that ask for them, all in one commit or none.

        Returns the first whose id belongs to a job with other content or of another tenant, or whose thread is another
        tenant's; None when all are written.
        """
        taken = None
        whose = {"tenant": tenant, "own": self._tenant}
        async with transaction(self._pool) as connection:
            await alone_on(connection, [order.identity.thread_id for order in orders], tenant)
            for index, order in enumerate(orders):
                values = asdict(order.identity) | waiting_columns(order.kept) | whose
                [row] = await fetch(connection, sql.QUEUE, values)
                if not (row["same"] and row["on_own_thread"]):
                    taken = Taken(index, "thread_id" if row["same"] else "job_id")
                    raise psycopg.Rollback
                await connection.execute(PROMISE, {"job_id": order.identity.job_id} | outbox_columns([order.message]))
        return taken

    async def job(self, job_id: str, tenant: str | None = None) -> Job | None:
        """The job of this id; of a tenant, where one is given."""
        if "\0" in job_id:
            return None  # PostgreSQL holds no NUL character, so neither does an id
        values = {"job_id": job_id, "tenant": tenant, "own": self._tenant}
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW, values)
        return Job(**rows[0]) if rows else None

    async def jobs(self, limit: int, only: JobFilter = EVERY_JOB, before: Job | None = None) -> list[Job]:
        """The newest jobs first, older than `before` where given."""
        given = {name: value for name, value in asdict(only).items() if value is not None}
        if "\0" in given.get("thread_id", ""):
            return []
        if before is not None:
            given |= {"before": before.created_at, "before_id": before.job_id}
        text = sql.listed(given, own=only.tenant == self._tenant)
        async with connected(self._pool) as connection:
            rows = await fetch(connection, text, given | {"limit": limit, "own": self._tenant})
        return [Job(**row) for row in rows]

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
            rows = await fetch(connection, sql.CANCEL, {"job_id": job_id})
            if not rows or rows[0]["status"] != "cancelled":
                return None
            row = rows[0]
            origin = Origin(job_id, row["subject"], row["headers"], row["body"]) if row["subject"] else None
            called = CalledOff(row["thread_id"], row["attempts"], origin)
            await connection.execute(PROMISE, {"job_id": job_id} | outbox_columns([say(called)]))
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
