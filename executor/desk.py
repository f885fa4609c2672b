"""The front desk: takes jobs from people, and answers what became of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from executor.errors import ExecutorError, TryAgain
from executor.events import Headers
from executor.jobs import Identity, Job, JobRequest, Message
from executor.outbox import Outbox
from executor.settings import NatsSettings

FIRST_LOOK = 0.05
LONGEST_LOOK = 0.5
ENDED = frozenset({"interrupted", "completed", "failed", "cancelled"})


class Register(Protocol):
    """The ledger, as far as people are concerned; every method raises TryAgain."""

    async def queue(self, jobs: Sequence[tuple[Identity, Message]]) -> int | None:
        """Write down jobs and promise their messages; the index of the first conflict."""

    async def job(self, job_id: str) -> Job | None:
        """The job of this id."""

    async def jobs(self, limit: int, status: str | None = None, before: Job | None = None) -> list[Job]:
        """The newest first."""


class Definitions(Protocol):
    """Who knows whether a definition can be run."""

    async def check(self, job: JobRequest) -> None:
        """Raise Rejected unless it can."""


@dataclass(frozen=True)
class Order:
    """A job as it came over HTTP."""

    job: JobRequest
    headers: Headers
    body: bytes


class Taken(ExecutorError):
    """The id of the order at `index` belongs to a job with other content."""

    def __init__(self, job_id: str, index: int) -> None:
        super().__init__(f"job_id: {job_id!r} belongs to a job with other content")
        self.index = index


@dataclass(frozen=True)
class Desk:
    """Orders go into the ledger and from there to the broker: whoever has a 202 has a job that will run."""

    register: Register
    outbox: Outbox
    definitions: Definitions
    nats: NatsSettings

    async def submit(self, orders: Sequence[Order]) -> None:
        """Take all orders or none; raises Taken, or TryAgain where the ledger fails."""
        pairs = [(order.job.identity, self._message(order)) for order in orders]
        conflict = await self.register.queue(pairs)
        if conflict is not None:
            raise Taken(orders[conflict].job.job_id, conflict)
        try:
            await self.outbox.publish([message for _, message in pairs])
        except TryAgain:
            return  # promised: the sweep publishes it when the broker is back

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended, or None when it has not within so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        pause = FIRST_LOOK
        while True:
            job = await self.register.job(job_id)
            if job is not None and job.status in ENDED:
                return job
            if asyncio.get_running_loop().time() + pause > deadline:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK)

    def _message(self, order: Order) -> Message:
        identity = f"{quote(order.job.job_id, safe=':')}:execute"
        return Message(identity, self.nats.subject("execute", "http"), dict(order.headers), order.body)
