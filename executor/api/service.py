"""The service behind the API: takes jobs from people, and answers what became of them."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from executor.api.waits import Waits
from executor.errors import ExecutorError, TryAgain
from executor.jobs.agents import UNRESOLVED, KnownAgent, Resolved
from executor.jobs.caller import Caller
from executor.jobs.claims import Wake
from executor.jobs.envelope import Headers
from executor.jobs.events import ACCEPTED, parse
from executor.jobs.job import (
    EVERY_JOB,
    CalledOff,
    Job,
    JobFilter,
    JobRequest,
    Message,
    Origin,
    Replaced,
    Submission,
    Taken,
)
from executor.jobs.outcomes import Outcomes
from executor.watch import Watches
from executor.worker.outbox import Outbox
from executor.worker.stream_ends import StreamEnds

log = structlog.get_logger()


class Register(Protocol):
    """The ledger, as far as people are concerned; every method raises TryAgain."""

    async def queue(self, orders: Sequence[Submission]) -> Taken | None:
        """Write down jobs and promise their messages; the first conflict."""

    async def replace(
        self, order: Submission, say: Callable[[str, CalledOff], Message], *, waiting: bool
    ) -> Replaced | Taken:
        """Write down a job and end the one begun on its thread, or that waits there; or what is taken."""

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


class Pods(Protocol):
    """Who is alive; raises TryAgain."""

    async def all_know(self, features: Collection[str]) -> bool:
        """Whether every pod knows these fields of a job's data."""


class Definitions(Protocol):
    """Who knows which agents there are, and whether a definition can be run."""

    async def check(self, job: JobRequest) -> Resolved:
        """What the job runs; raises Rejected unless it can be run."""

    def listed(self) -> Sequence[KnownAgent]:
        """The agents that have names."""


@dataclass(frozen=True)
class SubmittedJob:
    """A job as it came over HTTP."""

    job: JobRequest
    headers: Headers
    body: bytes
    resolved: Resolved = UNRESOLVED


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


class NotKnownYet(TryAgain):
    """A job has a field that not all pods know: to one that does not it would be another job."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: a pod of an earlier release is still there and does not know it")
        self.field = field


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
    pods: Pods
    waits: Waits
    accepted: frozenset[str] = ACCEPTED

    def read(self, headers: Headers, body: bytes) -> SubmittedJob:
        """The job that an event asks for; raises Invalid that says which field is wrong."""
        return SubmittedJob(parse(headers, body, self.accepted), headers, body)

    async def accept(self, sent: SubmittedJob) -> SubmittedJob:
        """The same, with what it runs; raises Rejected where it cannot run."""
        return replace(sent, resolved=await self.definitions.check(sent.job))

    async def submit(self, requests: Sequence[SubmittedJob], caller: Caller) -> None:
        """Take all or none; raises IdTaken, NotKnownYet, or TryAgain where the ledger fails."""
        await self._check_known(requests)
        submissions = [self._ordered(request, caller) for request in requests]
        taken = await self.register.queue(submissions)
        if taken is not None:
            raise IdTaken(requests[taken.index].job, taken)
        with suppress(TryAgain):  # promised: the sweep publishes it when the broker is back
            await self.outbox.publish([each.message for each in submissions])

    async def submit_instead(self, request: SubmittedJob, caller: Caller, *, waiting: bool) -> None:
        """Take a job and end the one that has begun on its thread, or only one that waits there for a person.

        Both or none; raises what `submit` does.
        """
        await self._check_known([request])
        submission = self._ordered(request, caller)
        replaced = await self.register.replace(submission, self._cancelled, waiting=waiting)
        if isinstance(replaced, Taken):
            raise IdTaken(request.job, replaced)
        if replaced.job_id is not None and replaced.called is not None:
            await self._tell_cancelled(replaced.job_id, replaced.called)
        elif replaced.job_id is not None:
            with suppress(TryAgain):  # its worker sees it in the ledger
                await self.broadcast.call_off(replaced.job_id)
        with suppress(TryAgain):  # promised
            await self.outbox.publish([submission.message])

    async def _check_known(self, requests: Sequence[SubmittedJob]) -> None:
        new = [name for request in requests for name in request.job.new_fields]
        if new and not await self.pods.all_know(set(new)):
            raise NotKnownYet(f"data.{new[0]}")

    def _ordered(self, request: SubmittedJob, caller: Caller) -> Submission:
        return replace(self._submission(request), resolved=request.resolved, tenant=caller.tenant)

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
        if called is not None:
            await self._tell_cancelled(job_id, called)
        return called is not None

    async def _tell_cancelled(self, job_id: str, called: CalledOff) -> None:
        self.waits.tell(job_id)
        await self.stream_ends.say(called.thread_id, job_id, called.attempts, "cancelled")
        with suppress(TryAgain):  # promised
            await self.outbox.publish_and_wake(called.thread_id, [self._cancelled(job_id, called)])

    def _cancelled(self, job_id: str, called: CalledOff) -> Message:
        """The event of a job that nobody has, traced as the message that asked for it was."""
        asked = called.origin and parse(called.origin.headers, called.origin.body, self.accepted)
        [said] = self.outcomes.cancelled(asked or JobRequest(job_id, called.thread_id, {}, {})).messages
        return said

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended or asks people, or None where it does neither within so many seconds.

        For whoever was told that it is theirs: nobody is asked whose it is.
        """
        return await self.waits.end_of(job_id, seconds)

    def _submission(self, request: SubmittedJob) -> Submission:
        """What is too large for a message is kept in the ledger, and a small message asks for it."""
        job_id, headers = request.job.job_id, dict(request.headers)
        subject = self.outcomes.nats.subject("execute", "http")
        message = Message(f"{quote(job_id, safe=':')}:execute", subject, headers, request.body)
        if message.size > self.outcomes.limit:
            kept = Origin(job_id, subject, headers, request.body)
            return Submission(request.job.identity(), self.outcomes.wake(Wake(job_id, 0)), kept)
        return Submission(request.job.identity(), message)
