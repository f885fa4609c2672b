"""The ledger on a real database, with jobs named `job@thread` that come in the order in which they are first named."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from executor.jobs.claims import Applicant, Claim, NotClaimed, Wake
from executor.jobs.job import Identity, Job, Message, Origin, Outcome
from executor.ledger import Ledger, Register, Sweeps, Threads, WaitingRoom
from executor.postgres.pool import Pool, open_pool
from executor.settings import PostgresSettings

LEASE = 30.0
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Lab:
    """What a test of the ledger needs; names of jobs and threads are its own by a tag."""

    pool: Pool
    ledger: Ledger
    room: WaitingRoom
    register: Register
    sweeps: Sweeps
    threads: Threads
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    _places: dict[str, int] = field(default_factory=dict)

    def identity(self, name: str, content: str = "", *, placed: bool = True, metadata: str | None = None) -> Identity:
        """`a@t` is the job a of the thread t, `a` that of a thread of its own."""
        job, _, thread = name.partition("@")
        place = self._places.setdefault(name, len(self._places) + 1) if placed else None
        return Identity(self.id(job), self.id(thread or job), f"digest of {content}".encode(), place, metadata)

    def id(self, job: str) -> str:
        return f"{self.tag}-{job.partition('@')[0]}"

    def origin(self, name: str, body: bytes = b"body", **headers: str) -> Origin:
        return Origin(self.id(name), "agent.execute.tests", headers, body)

    def another(self) -> Ledger:
        """The ledger as another worker has it."""
        return Ledger(self.pool, LEASE)

    async def claim(self, name: str, content: str = "", **more: Any) -> Claim | NotClaimed:
        return await self.ledger.claim(self.identity(name, content), **more)

    async def begin(self, name: str) -> Claim:
        claim = await self.claim(name)
        assert isinstance(claim, Claim), claim
        return claim

    async def park(self, name: str, not_before: datetime | None = None, **headers: str) -> bool:
        return bool(await self.room.park([self.applicant(name, not_before, **headers)]))

    def applicant(self, name: str, not_before: datetime | None = None, **headers: str) -> Applicant:
        return Applicant(self.identity(name), self.origin(name, b"body", **headers), not_before)

    async def finish(self, claim: Claim, status: str = "completed", **more: Any) -> Outcome:
        outcome = self.outcome(claim.job_id, status)
        await self.ledger.finish(claim, outcome, **more)
        return outcome

    async def settle(self, thread: str, *messages: Message) -> list[Wake]:
        return await self.ledger.mark_and_wake(self.id(thread), messages)

    async def swept(self) -> list[str]:
        """The jobs of this lab that the sweep wakes."""
        return [self.named(wake.job_id) for wake in await self.sweeps.wakes() if wake.job_id.startswith(self.tag)]

    async def cancel(self, name: str) -> str | None:
        called = await self.register.cancel(self.id(name), lambda _: message(f"{self.id(name)}:cancelled"))
        return called.thread_id if called else None

    async def job(self, name: str) -> Job:
        found = await self.register.job(self.id(name))
        assert found is not None
        return found

    async def state(self, name: str) -> str:
        return (await self.job(name)).status

    async def states(self, *names: str) -> list[str]:
        return [await self.state(name) for name in names]

    async def expire_lease(self, name: str) -> None:
        await self.ask(
            "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE job_id = %(id)s", id=self.id(name)
        )

    async def promised(self, name: str) -> Rows:
        """The outbox of a job: ids, and whether the broker has them."""
        query = "SELECT id, published_at IS NOT NULL AS marked FROM outbox WHERE job_id = %(id)s ORDER BY id"
        return await self.ask(query, id=self.id(name))

    async def ask(self, query: str, **values: Any) -> Rows:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    def outcome(self, job_id: str, status: str) -> Outcome:
        said = (message(f"{job_id}:{status}"),)
        match status:
            case "completed":
                return Outcome(status, {"output": "x"}, None, said, 5)
            case "failed":
                return Outcome(status, None, {"type": "bad"}, (*said, message(f"{job_id}:dlq", "agent.dlq.bad")))
            case "interrupted":
                return Outcome(status, {"interrupts": [{"id": "q", "value": "sure?"}]}, None, said)
        return Outcome(status, None, None, said)

    def named(self, job_id: str) -> str:
        return job_id.removeprefix(f"{self.tag}-")


def message(identity: str, subject: str = "agent.status.completed") -> Message:
    return Message(identity, subject, {"content-type": "application/json"}, b"{}")


def woken(wakes: Sequence[Wake], lab: Lab) -> list[tuple[str, int]]:
    return [(lab.named(wake.job_id), wake.wakes) for wake in wakes]


@asynccontextmanager
async def lab_on(postgres: PostgresSettings) -> AsyncIterator[Lab]:
    async with open_pool(postgres) as pool:
        yield Lab(pool, Ledger(pool, LEASE), WaitingRoom(pool), Register(pool), Sweeps(pool, LEASE), Threads(pool))
