"""Admission: a delivery becomes a job that may be worked on, or is answered at once.

Whatever must wait for longer than a moment (a busy thread, a time that has not come) is parked in the ledger and its
message acknowledged: the broker is no waiting room, since what waits there holds a place and counts as lag.
"""

from collections.abc import Sequence
from hashlib import sha256

import structlog

from executor.jobs.envelope import Invalid
from executor.jobs.events import ACCEPTED, WakeUp, parse, read
from executor.jobs.job import (
    TERMINAL,
    Blocked,
    Busy,
    Claim,
    Conflict,
    Early,
    Finished,
    Identity,
    JobRequest,
    Message,
    NotClaimed,
    Origin,
)
from executor.jobs.outcomes import Outcomes
from executor.jobs.verdict import Failure, rejection
from executor.worker.leases import Held
from executor.worker.outbox import Outbox
from executor.worker.ports import Delivery, Ledger
from executor.worker.stream_ends import StreamEnds
from executor.worker.thread_order import ThreadOrder

log = structlog.get_logger()

BUSY_SECONDS = 0.2
THREAD_BUSY = Failure("thread_busy", "thread_busy", "another job of the thread is not done yet", retryable=True)


class Admission:
    """Claims the jobs of deliveries."""

    def __init__(  # noqa: PLR0913 - each is one of its needs
        self,
        *,
        ledger: Ledger,
        outbox: Outbox,
        outcomes: Outcomes,
        thread_order: ThreadOrder,
        stream_ends: StreamEnds,
        accepted: frozenset[str] = ACCEPTED,
    ) -> None:
        self._stream_ends = stream_ends
        self._ledger = ledger
        self._outbox = outbox
        self._outcomes = outcomes
        self._thread_order = thread_order
        self._accepted = accepted

    async def admit(self, delivery: Delivery) -> Held | None:
        """A job that this worker owns now, or None where the delivery is answered; raises TryAgain."""
        origin = origin_of(delivery)
        try:
            asked = read(origin.headers, origin.body, self._accepted)
        except Invalid as error:
            return await self._fail_invalid(delivery, origin, error)
        if isinstance(asked, WakeUp):
            return await self._wake(delivery, asked.job_id)
        await self._thread_order.wait(delivery, asked)
        return await self._claim(delivery, asked, asked.identity(delivery.sequence), origin)

    async def _wake(self, delivery: Delivery, job_id: str) -> Held | None:
        waiting = await self._ledger.waiting(job_id)
        if waiting is None:  # it has ended meanwhile
            if ended := await self._ledger.ended(job_id):
                await self._tell_again(job_id, *ended)
            await delivery.ack()
            return None
        job = parse(waiting.origin.headers, waiting.origin.body, self._accepted)
        sequence = waiting.sequence or delivery.sequence
        return await self._claim(delivery, job, job.identity(sequence), waiting.origin)

    async def _claim(self, delivery: Delivery, job: JobRequest, who: Identity, origin: Origin) -> Held | None:
        while True:
            claimed = await self._ledger.claim(who, job.not_before, origin.replay)
            match claimed:
                case Claim():
                    return Held(delivery, claimed, job, origin)
                case Blocked() if job.multitask == "reject" and origin.replay is None:
                    await self._fail_thread_busy(delivery, job, who, origin)
                case Blocked():
                    if not await self._ledger.park(who, origin):
                        continue  # the thread became free at this moment
                    log.info("parked: its thread is busy", job=job.job_id)
                    await delivery.ack()
                case Early():
                    await self._delay(delivery, job, who, origin)
                case _:
                    await self._answer_unclaimed(delivery, job, claimed, origin)
            return None

    async def _delay(self, delivery: Delivery, job: JobRequest, who: Identity, origin: Origin) -> None:
        if await self._ledger.park(who, origin, job.not_before):
            log.info("parked: it is not due", job=job.job_id, due=str(job.not_before))
            await delivery.ack()
        else:  # another message asked for it earlier, and somebody has begun with it
            await delivery.nak(BUSY_SECONDS)

    async def _answer_unclaimed(self, delivery: Delivery, job: JobRequest, why: NotClaimed, origin: Origin) -> None:
        match why:
            case Finished():
                await self._tell_again(job.job_id, job.thread_id, why)
                await delivery.ack()
            case Conflict():
                log.warning("refused: the id belongs to a job with other content", job=job.job_id)
                await self._say(delivery, [self._outcomes.dead_letter(origin.place, origin, "conflict", 0)])
            case Busy(after):
                await delivery.nak(max(after, BUSY_SECONDS))
            case _:
                await delivery.nak(BUSY_SECONDS)

    async def _tell_again(self, job_id: str, thread_id: str, end: Finished) -> None:
        """Say what the worker that wrote the outcome may not have said before it died."""
        await self._outbox.publish_and_wake(thread_id, end.unpublished)
        if end.status in TERMINAL:
            await self._stream_ends.make_sure(thread_id, job_id, end.attempts, end.status)

    async def _fail_thread_busy(self, delivery: Delivery, job: JobRequest, who: Identity, origin: Origin) -> None:
        outcome = self._outcomes.failed(job, origin, THREAD_BUSY)
        await self._outbox.reject(who, outcome)
        await self._stream_ends.say(job.thread_id, job.job_id, 0, outcome.status)
        await self._outbox.publish_and_wake(job.thread_id, outcome.messages)
        await delivery.ack()

    async def _fail_invalid(self, delivery: Delivery, origin: Origin, error: Invalid) -> Held | None:
        """Say that an event makes no job: about the job that it names, or about its place in the stream."""
        log.warning("event refused", place=origin.place, error=str(error))
        cause = rejection(error)
        if error.job_id is None:
            refused = JobRequest(origin.place, origin.place, {}, {})
            await self._say(delivery, self._outcomes.failed(refused, origin, cause).messages)
            return None
        refused = JobRequest(error.job_id, error.job_id, {}, {"event": sha256(origin.body).hexdigest()})
        who = refused.identity(delivery.sequence)
        claimed = await self._ledger.claim(who, replay=origin.replay)
        if isinstance(claimed, Claim):
            return Held(delivery, claimed, refused, origin, refused=cause)
        await self._answer_unclaimed(delivery, refused, claimed, origin)
        return None

    async def _say(self, delivery: Delivery, messages: Sequence[Message]) -> None:
        await self._outbox.promise_and_publish(messages)
        await delivery.ack()


def origin_of(delivery: Delivery) -> Origin:
    """The message as it came."""
    return Origin(f"{delivery.stream}:{delivery.sequence}", delivery.subject, delivery.headers, delivery.body)
