"""Admission: a delivery becomes a job that may be worked on, or is answered at once.

Whatever must wait for longer than a moment (a busy thread, a time that has not come) is parked in the ledger and its
message acknowledged: the broker is no waiting room, since what waits there holds a place and counts as lag.
"""

from collections.abc import Sequence
from hashlib import sha256

import structlog

from executor.jobs.claims import Applicant, Blocked, Busy, Claim, Conflict, Early, Finished, NotClaimed, Parked, Wake
from executor.jobs.envelope import Invalid
from executor.jobs.events import ACCEPTED, WakeUp, parse, read
from executor.jobs.job import TERMINAL, Identity, JobRequest, Message, Origin
from executor.jobs.outcomes import Outcomes
from executor.jobs.verdict import Failure, rejection
from executor.worker.leases import Held
from executor.worker.lines import Lines
from executor.worker.outbox import Outbox
from executor.worker.ports import Agents, Delivery, Ledger, WaitingRoom
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
        room: WaitingRoom,
        outbox: Outbox,
        outcomes: Outcomes,
        thread_order: ThreadOrder,
        stream_ends: StreamEnds,
        agents: Agents,
        accepted: frozenset[str] = ACCEPTED,
    ) -> None:
        self._stream_ends = stream_ends
        self._agents = agents
        self._ledger = ledger
        self._outbox = outbox
        self._outcomes = outcomes
        self._thread_order = thread_order
        self._room = room
        self._lines = Lines(ledger, room)
        self._accepted = accepted

    async def admit(self, delivery: Delivery) -> Held | None:
        """A job that this worker owns now, or None where the delivery is answered; raises TryAgain."""
        origin = origin_of(delivery)
        try:
            asked = read(origin.headers, origin.body, self._accepted)
        except Invalid as error:
            self._thread_order.pass_by(delivery.sequence)
            return await self._fail_invalid(delivery, origin, error)
        if isinstance(asked, WakeUp):
            self._thread_order.pass_by(delivery.sequence)
            return await self.go_on_with(delivery, asked.job_id)
        await self._thread_order.wait(delivery.sequence, asked)
        try:
            return await self._claim(delivery, asked, asked.identity(delivery.sequence), origin)
        except BaseException:
            self._thread_order.give_back(delivery.sequence, asked)
            raise

    async def go_on_with(self, delivery: Delivery, job_id: str) -> Held | None:
        """The job that waits in the ledger under this id, claimed as any other; raises TryAgain.

        The delivery stands for it: until it is answered, the broker counts it, and brings it back where we die.
        """
        waiting = await self._room.waiting(job_id)
        if waiting is None:  # it has ended meanwhile
            if ended := await self._ledger.ended(job_id):
                return await self._go_on(delivery, job_id, *ended)
            await delivery.ack()
            return None
        job = parse(waiting.origin.headers, waiting.origin.body, self._accepted)
        sequence = waiting.sequence or delivery.sequence
        return await self._claim(delivery, job, job.identity(sequence), waiting.origin)

    async def _claim(self, delivery: Delivery, job: JobRequest, who: Identity, origin: Origin) -> Held | None:
        may_wait = job.multitask != "reject" or origin.replay is not None
        applicant = Applicant(who, origin, job.not_before, self._agents.resolve(job))
        claimed = await self._lines.claim(applicant, may_wait=may_wait)
        match claimed:
            case Claim():
                return Held(delivery, claimed, job, origin)
            case Parked():
                log.info("parked: its thread is busy", job=job.job_id)
                await delivery.ack()
            case Blocked():
                await self._fail_thread_busy(delivery, job, who, origin)
            case Early():
                await self._delay(delivery, applicant)
            case _:
                return await self._answer_unclaimed(delivery, job, claimed, origin)
        return None

    async def _delay(self, delivery: Delivery, early: Applicant) -> None:
        if await self._room.park([early]):
            log.info("parked: it is not due", job=early.job.job_id, due=str(early.not_before))
            await delivery.ack()
        else:  # another message asked for it earlier, and somebody has begun with it
            await delivery.nak(BUSY_SECONDS)

    async def _answer_unclaimed(
        self, delivery: Delivery, job: JobRequest, why: NotClaimed, origin: Origin
    ) -> Held | None:
        match why:
            case Finished():
                return await self._go_on(delivery, job.job_id, job.thread_id, why)
            case Conflict():
                log.warning("refused: the id belongs to a job with other content", job=job.job_id)
                await self._say(delivery, [self._outcomes.dead_letter(origin.place, origin, "conflict", 0)])
            case Busy(after):
                await delivery.nak(max(after, BUSY_SECONDS))
            case _:
                await delivery.nak(BUSY_SECONDS)
        return None

    async def _go_on(self, delivery: Delivery, job_id: str, thread_id: str, end: Finished) -> Held | None:
        """Say what may not have been said of a job that has ended, and go on with its thread.

        Whoever ended it may have died with the next one, for which the delivery stood by then.
        """
        wakes = await self._tell_again(job_id, thread_id, end)
        if wakes:
            return await self.go_on_with(delivery, wakes[0].job_id)
        following = await self._room.goes_on(thread_id)
        if following is None:
            await delivery.ack()
        elif following.after > 0:
            await delivery.nak(max(following.after, BUSY_SECONDS))
        else:
            return await self.go_on_with(delivery, following.job_id)
        return None

    async def _tell_again(self, job_id: str, thread_id: str, end: Finished) -> Sequence[Wake]:
        """Say what the worker that wrote the outcome may not have said before it died; who is to go on now."""
        wakes = await self._outbox.publish_and_settle(thread_id, end.unpublished)
        if end.status in TERMINAL:
            await self._stream_ends.make_sure(thread_id, job_id, end.attempts, end.status)
        return wakes

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
        return await self._answer_unclaimed(delivery, refused, claimed, origin)

    async def _say(self, delivery: Delivery, messages: Sequence[Message]) -> None:
        await self._outbox.promise_and_publish(messages)
        await delivery.ack()


def origin_of(delivery: Delivery) -> Origin:
    """The message as it came."""
    return Origin(f"{delivery.stream}:{delivery.sequence}", delivery.subject, delivery.headers, delivery.body)
