"""The service behind the API: takes jobs from people, and answers what became of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from executor.errors import ExecutorError, TryAgain
from executor.jobs.caller import Caller
from executor.jobs.envelope import Headers
from executor.jobs.events import ACCEPTED, parse
from executor.jobs.job import (
    EVERY_JOB,
    TERMINAL,
    CalledOff,
    Job,
    JobFilter,
    JobRequest,
    Message,
    Origin,
    Submission,
    Taken,
    Wake,
)
from executor.jobs.outcomes import Outcomes
from executor.watch import Watches
from executor.worker.outbox import Outbox
from executor.worker.stream_ends import StreamEnds

log = structlog.get_logger()

FIRST_LOOK = 0.05
LONGEST_LOOK = 0.5
ENDED = TERMINAL | {"interrupted"}


class Register(Protocol):
    """The ledger, as far as people are concerned; every method raises TryAgain."""

    async def queue(self, orders: Sequence[Submission], tenant: str | None = None) -> Taken | None:
        """Write down jobs of the tenant and promise their messages; the first conflict."""

    async def job(self, job_id: str, tenant: str | None = None) -> Job | None:
        """The job of this id; of a tenant, where one is given."""

    async def jobs(self, limit: int, only: JobFilter = EVERY_JOB, before: Job | None = None) -> list[Job]:
        """The newest first."""

    async def resume(self, job_id: str, answer: Any, key: str | None = None) -> Wake | None:
        """Keep an answer, and let the job go on where it waits for people; raises NotAsked or WrongAnswer."""

    async def cancel(self, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
        """End the job and promise what is said of it, or have its worker end it."""


class CancelBroadcast(Protocol):
    """Who reaches all workers at once."""

    async def call_off(self, job_id: str) -> None:
        """Tell every worker that the job is to be ended."""


class Definitions(Protocol):
    """Who knows whether a definition can be run."""

    async def check(self, job: JobRequest) -> None:
        """Raise Rejected unless it can."""


@dataclass(frozen=True)
class SubmittedJob:
    """A job as it came over HTTP."""

    job: JobRequest
    headers: Headers
    body: bytes


class IdTaken(ExecutorError):
    """An id of the request at `index` belongs to a job with other content; never says whose that is."""

    def __init__(self, job: JobRequest, taken: Taken) -> None:
        whose = "a job with other content" if taken.field == "job_id" else "other jobs"
        super().__init__(f"{taken.field}: {getattr(job, taken.field)!r} belongs to {whose}")
        self.index = taken.index
        self.field = taken.field


class UnknownJob(ExecutorError):
    """There is no job of this id, as far as the caller may know."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id!r}")


@dataclass(frozen=True)
class JobService:
    """Requests go into the ledger and from there to the broker: whoever has a 202 has a job that will run.

    What belongs to another tenant than the caller's is not there.
    """

    register: Register
    outbox: Outbox
    definitions: Definitions
    watches: Watches
    outcomes: Outcomes
    broadcast: CancelBroadcast
    stream_ends: StreamEnds
    accepted: frozenset[str] = ACCEPTED

    def read(self, headers: Headers, body: bytes) -> SubmittedJob:
        """The job that an event asks for; raises Invalid that says which field is wrong."""
        return SubmittedJob(parse(headers, body, self.accepted), headers, body)

    async def submit(self, requests: Sequence[SubmittedJob], caller: Caller) -> None:
        """Take all or none; raises IdTaken, or TryAgain where the ledger fails."""
        submissions = [self._submission(request) for request in requests]
        taken = await self.register.queue(submissions, caller.tenant)
        if taken is not None:
            raise IdTaken(requests[taken.index].job, taken)
        with suppress(TryAgain):  # promised: the sweep publishes it when the broker is back
            await self.outbox.publish([each.message for each in submissions])

    async def job(self, job_id: str, caller: Caller) -> Job:
        """The job of this id; raises UnknownJob, or TryAgain."""
        found = await self.register.job(job_id, caller.tenant)
        if found is None:
            raise UnknownJob(job_id)
        return found

    async def jobs(
        self, limit: int, caller: Caller, only: JobFilter = EVERY_JOB, before: Job | None = None
    ) -> list[Job]:
        """The newest first."""
        return await self.register.jobs(limit, replace(only, tenant=caller.tenant), before)

    async def resume(self, job_id: str, answer: Any, caller: Caller, key: str | None = None) -> None:
        """Take a person's answer to an open question of the job, once for each key.

        Raises UnknownJob, NotAsked or WrongAnswer.
        """
        await self.job(job_id, caller)
        wake = await self.register.resume(job_id, answer, key)
        if wake is not None:
            await self.outbox.wake([wake])

    async def cancel(self, job_id: str, caller: Caller) -> None:
        """End the job wherever it is; a job that has ended stays as it is. Raises UnknownJob."""
        await self.job(job_id, caller)
        if not await self._cancel_here(job_id):
            await self.broadcast.call_off(job_id)

    async def note_cancelled(self, job_id: str) -> None:
        """Do in the ledger what every worker was told. Where the ledger fails, another worker's does it."""
        try:
            await self._cancel_here(job_id)
        except TryAgain as error:
            log.warning("cancellation not written", job=job_id, error=str(error))

    async def _cancel_here(self, job_id: str) -> bool:
        """Whether the job ended here and now; else its worker is to end it."""
        called = await self.register.cancel(job_id, partial(self._cancelled, job_id))
        if called is None:
            return False
        await self.stream_ends.say(called.thread_id, job_id, called.attempts, "cancelled")
        with suppress(TryAgain):  # promised
            await self.outbox.publish_and_wake(called.thread_id, [self._cancelled(job_id, called)])
        return True

    def _cancelled(self, job_id: str, called: CalledOff) -> Message:
        """The event of a job that nobody has, traced as the message that asked for it was."""
        asked = called.origin and parse(called.origin.headers, called.origin.body, self.accepted)
        [said] = self.outcomes.cancelled(asked or JobRequest(job_id, called.thread_id, {}, {})).messages
        return said

    async def wait(self, job_id: str, seconds: float, caller: Caller) -> Job | None:
        """The job once it has ended, or None when it has not within so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        pause = FIRST_LOOK
        while True:
            job = await self.register.job(job_id, caller.tenant)
            if job is not None and job.status in ENDED:
                return job
            if asyncio.get_running_loop().time() + pause > deadline:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK)

    def _submission(self, request: SubmittedJob) -> Submission:
        """What is too large for a message is kept in the ledger, and a small message asks for it."""
        job_id, headers = request.job.job_id, dict(request.headers)
        subject = self.outcomes.nats.subject("execute", "http")
        message = Message(f"{quote(job_id, safe=':')}:execute", subject, headers, request.body)
        if message.size > self.outcomes.limit:
            kept = Origin(job_id, subject, headers, request.body)
            return Submission(request.job.identity(), self.outcomes.wake(Wake(job_id, 0)), kept)
        return Submission(request.job.identity(), message)
