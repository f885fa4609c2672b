"""People's side of the ledger: they ask for jobs, look at them, answer them and end them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import psycopg

from executor.jobs.answers import NotAsked, Question, WrongAnswer, chosen
from executor.jobs.claims import Wake
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
    Taken,
)
from executor.ledger.definitions import Keeping
from executor.ledger.ledger import LARGE_BYTES, as_json, kept_columns, outbox_columns
from executor.ledger.own_threads import alone_on, on_threads
from executor.ledger.sql import people as sql
from executor.ledger.sql import threads
from executor.ledger.sql.definitions import FORGET_DEFINITIONS
from executor.ledger.sql.worker import PROMISE
from executor.postgres.batching import Batcher
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction


class Register:
    """Every method raises TryAgain where the database fails.

    Jobs without a tenant belong to `tenant`, None where tenants are not told apart.
    """

    def __init__(self, pool: Pool, tenant: str | None = None) -> None:
        self._pool = pool
        self._tenant = tenant
        self._keeping = Keeping()
        self._queue = Batcher(self._queue_all, key=lambda order: order.identity.job_id)
        self._end_of = Batcher(self._ends_of, key=lambda job_id: job_id)

    async def queue(self, orders: Sequence[Submission]) -> Taken | None:
        """Write down jobs and promise the messages that ask for them, all in one commit or none.

        Returns the first whose id belongs to a job with other content or of another tenant, or whose thread is another
        tenant's; None when all are written. One alone shares its commit with those ordered at the same moment.
        """
        if len(orders) != 1:
            return await self._queue_whole(orders)
        if orders[0].size < LARGE_BYTES:
            return await self._queue(orders[0])
        return (await self._queue_all(orders))[0]

    async def _queue_whole(self, orders: Sequence[Submission]) -> Taken | None:
        first = {order.identity.job_id: order for order in reversed(orders)}
        new = self._keeping.columns(order.resolved for order in orders)
        async with transaction(self._pool) as connection:
            await alone_on(connection, _threads_of(orders), _tenant_of(orders))
            there = await self._queued(connection, list(first.values()), new)
            taken = [found for index, order in enumerate(orders) if (found := _taken(there, order, index))]
            if taken:
                raise psycopg.Rollback
        if not taken:
            self._keeping.written(new)
        return taken[0] if taken else None

    async def _queue_all(self, orders: Sequence[Submission]) -> list[Taken | None]:
        """The same of orders that are each alone, and of other jobs."""
        first = _first_on_their_threads(orders)
        new = self._keeping.columns(order.resolved for order in first)
        async with on_threads(self._pool, _threads_of(first), _tenant_of(first)) as connection:
            there = await self._queued(connection, first, new)
        self._keeping.written(new)
        taken = {order.identity.job_id: _taken(there, order) for order in first}
        others = [order for order in orders if order.identity.job_id not in taken]
        if others:
            told = await self._queue_all(others)
            taken |= {order.identity.job_id: each for order, each in zip(others, told, strict=True)}
        return [taken[order.identity.job_id] for order in orders]

    async def replace(
        self, order: Submission, say: Callable[[str, CalledOff], Message], *, waiting: bool
    ) -> Replaced | Taken:
        """Write down a job and end the one that has begun on its thread, in one commit; or nothing where it is taken.

        `waiting` spares one that does not wait for a person.
        """
        came: Replaced | Taken = Replaced()
        new = self._keeping.columns([order.resolved])
        async with transaction(self._pool) as connection:
            await alone_on(connection, _threads_of([order]), order.tenant)
            if (taken := _taken(await self._queued(connection, [order], new), order)) is not None:
                came = taken
                raise psycopg.Rollback
            came = await _end_begun(connection, order, say, waiting=waiting)
        if isinstance(came, Replaced):
            self._keeping.written(new)
        return came

    async def _queued(
        self, connection: Connection, orders: Sequence[Submission], new: Mapping[str, list[str]]
    ) -> dict[str, dict[str, Any]]:
        """Queue jobs that are not there yet, but for those on another tenant's thread; each as it is there now."""
        values = {
            "own": self._tenant,
            "job_ids": [order.identity.job_id for order in orders],
            "thread_ids": _threads_of(orders),
            "digests": [order.identity.digest for order in orders],
            "agents": [order.resolved.agent for order in orders],
            "definitions": [order.resolved.definition for order in orders],
            "metadatas": [order.identity.metadata for order in orders],
            "tenants": [order.tenant for order in orders],
        }
        kept, said = kept_columns([order.kept for order in orders]), outbox_columns([order.message for order in orders])
        rows = await fetch(connection, sql.QUEUE, values | kept | said | dict(new))
        return {row["job_id"]: row for row in rows}

    async def job(self, job_id: str, tenant: str | None = None) -> Job | None:
        """The job of this id; of a tenant, where one is given."""
        if "\0" in job_id:
            return None  # PostgreSQL holds no NUL character, so neither does an id
        values = {"job_id": job_id, "tenant": tenant, "own": self._tenant}
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW, values)
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


async def _end_begun(
    connection: Connection, order: Submission, say: Callable[[str, CalledOff], Message], *, waiting: bool
) -> Replaced:
    begun = await fetch(connection, sql.BEGUN, asdict(order.identity) | {"waiting": waiting})
    if not begun:
        return Replaced()
    job_id = begun[0]["job_id"]
    return Replaced(job_id, await _call_off(connection, job_id, partial(say, job_id)))


async def _call_off(connection: Connection, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
    rows = await fetch(connection, sql.CANCEL, {"job_id": job_id})
    if not rows or rows[0]["status"] != "cancelled":
        return None
    row = rows[0]
    origin = Origin(job_id, row["subject"], row["headers"], row["body"]) if row["subject"] else None
    called = CalledOff(row["thread_id"], row["attempts"], origin)
    await connection.execute(PROMISE, {"job_id": job_id} | outbox_columns([say(called)]))
    return called


def _threads_of(orders: Sequence[Submission]) -> list[str]:
    return [order.identity.thread_id for order in orders]


def _tenant_of(orders: Sequence[Submission]) -> str | None:
    """Any of them: there are tenants for all, or for none."""
    return next((order.tenant for order in orders if order.tenant is not None), None)


def _first_on_their_threads(orders: Sequence[Submission]) -> list[Submission]:
    """Those of each thread's first tenant: in one statement two would not see each other begin it."""
    whose: dict[str, str | None] = {}
    return [order for order in orders if whose.setdefault(order.identity.thread_id, order.tenant) == order.tenant]


def _taken(there: Mapping[str, Mapping[str, Any]], order: Submission, index: int = 0) -> Taken | None:
    """What keeps an order from being written; one that is not there is on another's thread."""
    found = there.get(order.identity.job_id)
    if found is None:
        return Taken(index, "thread_id")
    is_same = found["digest"] == order.identity.digest and order.tenant in (None, found["tenant"])
    return None if is_same else Taken(index)


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
