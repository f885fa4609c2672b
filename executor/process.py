"""One delivery, answered: parsed, claimed, worked on, settled.

finish, publish, ack: each may repeat, none may be skipped. Whatever dies in between, the delivery comes again and finds
in the ledger what is left to do.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from random import Random

import structlog

from executor.entries import Entry, Happening
from executor.errors import Drained, ExecutorError, TryAgain
from executor.events import Invalid, parse
from executor.jobs import Busy, Claim, Conflict, Finished, JobRequest, Message, Outcome, Result
from executor.leases import Held, Leases
from executor.outbox import Outbox
from executor.outcomes import Origin, Outcomes
from executor.ports import Agents, Broker, Delivery, Ledger, Stream
from executor.telemetry import Metrics
from executor.verdict import DeadLetter, GiveUp, Retry, Verdict, judge, rejection, worker_lost

log = structlog.get_logger()

GIVEN_BACK_SECONDS = 5.0
BUSY_SECONDS = 0.2


class Processor:
    """Answers for deliveries; one for all of a process."""

    def __init__(  # noqa: PLR0913 - each is one of the worker's needs
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        outbox: Outbox,
        leases: Leases,
        agents: Agents,
        progress: Stream,
        outcomes: Outcomes,
        metrics: Metrics,
        max_attempts: int,
        scrub: Callable[[str], str],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._outbox = outbox
        self._leases = leases
        self._agents = agents
        self._progress = progress
        self._outcomes = outcomes
        self._metrics = metrics
        self._max_attempts = max_attempts
        self._scrub = scrub
        self._jitter = Random()  # noqa: S311 - spreads retries, guards nothing

    async def process(self, delivery: Delivery) -> None:
        """Answer one delivery: at the end it is acknowledged, given back, or left for its ack-wait."""
        try:
            await self._answer(delivery)
        except TryAgain as error:
            log.warning("given back", sequence=delivery.sequence, error=str(error))
            await delivery.nak(GIVEN_BACK_SECONDS)
        except Exception:
            log.exception("a bug: left to be delivered again", sequence=delivery.sequence)

    async def _answer(self, delivery: Delivery) -> None:
        try:
            job = parse(delivery.headers, delivery.body)
        except Invalid as error:
            await self._refuse(delivery, error)
            return
        claimed = await self._ledger.claim(job.identity)
        if isinstance(claimed, Claim):
            await self._work(delivery, job, claimed)
        else:
            await self._turn_away(delivery, job.job_id, claimed)

    async def _refuse(self, delivery: Delivery, error: Invalid) -> None:
        """Say that an event makes no job: about the job that it names, or about its place in the stream."""
        origin = _origin(delivery)
        log.warning("event refused", place=origin.place, error=str(error))
        if error.job_id is None:
            refused = JobRequest(origin.place, origin.place, {}, {})
            await self._say(delivery, self._outcomes.failed(refused, origin, rejection(error), 0).messages)
            return
        refused = JobRequest(error.job_id, error.job_id, {}, {"event": sha256(delivery.body).hexdigest()})
        claimed = await self._ledger.claim(refused.identity)
        if isinstance(claimed, Claim):
            await self._fail(Held(delivery, claimed), refused, rejection(error))
        else:
            await self._turn_away(delivery, error.job_id, claimed)

    async def _turn_away(self, delivery: Delivery, job_id: str, why: Busy | Finished | Conflict) -> None:
        match why:
            case Busy(after):
                await delivery.nak(max(after, BUSY_SECONDS))
            case Finished(_, unpublished):
                await self._outbox.publish(unpublished)
                await delivery.ack()
            case Conflict():
                log.warning("refused: the id belongs to a job with other content", job=job_id)
                origin = _origin(delivery)
                await self._say(delivery, [self._outcomes.dead_letter(origin.place, origin, "conflict", 0)])

    async def _say(self, delivery: Delivery, messages: Sequence[Message]) -> None:
        await self._outbox.say(messages)
        await delivery.ack()

    async def _work(self, delivery: Delivery, job: JobRequest, claim: Claim) -> None:
        bound = structlog.contextvars.bound_contextvars(job=job.job_id, attempt=claim.attempt)
        with bound, self._leases.hold(delivery, claim) as held, self._metrics.running.track_inprogress():
            if claim.attempt > self._max_attempts:
                await self._fail(held, job, worker_lost(self._max_attempts))
            else:
                await self._attempt(held, job)

    async def _attempt(self, held: Held, job: JobRequest) -> None:
        log.info("job begun")
        self._metrics.attempts.inc()
        began = time.monotonic()
        try:
            result = await self._run(held, job)
        except Drained:
            await self._give_back(held, after=0.0, unused=True)
        except Exception as error:  # noqa: BLE001 - a graph may raise anything
            await self._follow(judge(error, held.claim.attempt, self._max_attempts, self._jitter), held, job)
        else:
            seconds = held.claim.elapsed + time.monotonic() - began
            await self._settle(held, job, self._outcomes.ended(job, held.claim, result, seconds))

    async def _run(self, held: Held, job: JobRequest) -> Result:
        emit = partial(self._emit, held, job)
        announcing = asyncio.create_task(self._announce(held, job))
        try:
            return await held.finish(await self._agents.open(job, emit))
        finally:
            await announcing

    async def _announce(self, held: Held, job: JobRequest) -> None:
        if held.claim.attempt > 1:
            self._emit(held, job, ("attempt", "", {"attempt": held.claim.attempt}))
            return
        try:
            await self._broker.publish(self._outcomes.started(job))
        except ExecutorError as error:
            log.warning("started event not published", error=str(error))

    async def _follow(self, verdict: Verdict, held: Held, job: JobRequest) -> None:
        match verdict:
            case GiveUp():
                log.warning("given up: another worker has the job")
            case Retry(after, cause):
                log.warning("attempt failed", after=after, error=self._scrub(cause))
                self._metrics.retries.inc()
                await self._give_back(held, after, unused=False)
            case DeadLetter():
                await self._fail(held, job, verdict)

    async def _give_back(self, held: Held, after: float, *, unused: bool) -> None:
        await self._ledger.release(held.claim, unused=unused)
        await held.delivery.nak(after)

    async def _fail(self, held: Held, job: JobRequest, cause: DeadLetter) -> None:
        safe = replace(cause, message=self._scrub(cause.message))
        log.warning("job failed", reason=safe.reason, error=safe.message)
        self._metrics.dead_letters.labels(safe.reason).inc()
        await self._settle(held, job, self._outcomes.failed(job, _origin(held.delivery), safe, held.claim.attempt))

    async def _settle(self, held: Held, job: JobRequest, outcome: Outcome) -> None:
        await self._outbox.settle(held.claim, outcome)
        held.ended = True
        log.info("job ended", status=outcome.status)
        self._metrics.jobs.labels(outcome.status).inc()
        if outcome.status != "interrupted":
            self._emit(held, job, ("end", "", {"status": outcome.status}))
        await self._outbox.publish(outcome.messages)
        await held.delivery.ack()

    def _emit(self, held: Held, job: JobRequest, happening: Happening) -> None:
        self._progress.emit(Entry(job.thread_id, job.job_id, held.claim.attempt, *happening))


def _origin(delivery: Delivery) -> Origin:
    return Origin(f"{delivery.stream}:{delivery.sequence}", delivery.subject, delivery.headers, delivery.body)
