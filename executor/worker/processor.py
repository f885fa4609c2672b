"""One delivery, answered: admitted, worked on, settled.

finish, publish, acknowledge: each may repeat, none may be skipped. Whatever dies in between, the delivery comes again
and finds in the ledger what is left to do.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

import structlog

from executor.errors import Cancelled, Drained, ExecutorError, LeaseLost, TryAgain
from executor.jobs.entries import Entry, EntryBody
from executor.jobs.job import Message, Outcome, Result
from executor.jobs.outcomes import Outcomes
from executor.jobs.verdict import Failure, Retry, Superseded, Verdict, expired, judge, worker_lost
from executor.settings import WorkerSettings
from executor.telemetry import Metrics
from executor.worker.admission import Admission
from executor.worker.leases import Held, Leases
from executor.worker.outbox import Outbox
from executor.worker.ports import Agents, Broker, Delivery, EntrySink, Ledger

log = structlog.get_logger()

GIVEN_BACK_SECONDS = 5.0


class Processor:
    """Answers for deliveries; one for all of a process."""

    def __init__(  # noqa: PLR0913 - each is one of its needs
        self,
        *,
        admission: Admission,
        broker: Broker,
        ledger: Ledger,
        outbox: Outbox,
        leases: Leases,
        agents: Agents,
        progress: EntrySink,
        outcomes: Outcomes,
        metrics: Metrics,
        settings: WorkerSettings,
        scrub: Callable[[str], str],
    ) -> None:
        self._admission = admission
        self._broker = broker
        self._ledger = ledger
        self._outbox = outbox
        self._leases = leases
        self._agents = agents
        self._progress = progress
        self._outcomes = outcomes
        self._metrics = metrics
        self._settings = settings
        self._scrub = scrub
        self._jitter = Random()  # noqa: S311 - spreads retries, guards nothing

    async def process(self, delivery: Delivery) -> None:
        """Answer one delivery: at the end it is acknowledged, given back, or left for its ack-wait."""
        try:
            held = await self._admission.admit(delivery)
            if held is not None:
                await self._work(held)
        except TryAgain as error:
            log.warning("given back", sequence=delivery.sequence, error=str(error))
            await delivery.nak(GIVEN_BACK_SECONDS)
        except LeaseLost:
            log.warning("outcome not written: another worker has the job", sequence=delivery.sequence)
        except Exception:
            log.exception("a bug: left to be delivered again", sequence=delivery.sequence)

    async def _work(self, held: Held) -> None:
        bound = structlog.contextvars.bound_contextvars(job=held.job.job_id, attempt=held.claim.attempt)
        with bound, self._leases.hold(held), self._metrics.running.track_inprogress():
            if held.claim.cancelling:
                await self._end(held, self._outcomes.cancelled(held.job))
            elif cause := self._hopeless(held):
                await self._fail(held, cause)
            else:
                await self._attempt(held)

    def _hopeless(self, held: Held) -> Failure | None:
        """Why the job is not even begun with."""
        if held.refused is not None:
            return held.refused
        if held.job.expires_at is not None and held.job.expires_at <= held.claim.at:
            return expired(held.job.expires_at)
        if held.claim.attempt > self._settings.max_attempts:
            return worker_lost(self._settings.max_attempts)
        return None

    async def _attempt(self, held: Held) -> None:
        log.info("job begun")
        self._metrics.attempts.inc()
        began = time.monotonic()
        try:
            result = await self._run(held)
        except Drained:
            await self._give_back(held, after=0.0, unused=True)
        except Cancelled:
            await self._end(held, self._outcomes.cancelled(held.job))
        except Exception as error:  # noqa: BLE001 - a graph may raise anything
            await self._follow(judge(error, held.claim.attempt, self._settings.max_attempts, self._jitter), held)
        else:
            seconds = held.claim.elapsed + time.monotonic() - began
            self._metrics.duration.observe(seconds)
            await self._end(held, self._outcomes.ended(held.job, held.claim, result, seconds))

    async def _run(self, held: Held) -> Result:
        await self._begin(held)
        run = await self._agents.open(held.job, held.claim, partial(self._emit, held))
        return await held.finish(run, self._settings.job_timeout_seconds)

    async def _begin(self, held: Held) -> None:
        if held.claim.attempt > 1:
            self._emit(held, EntryBody("attempt", "", {"attempt": held.claim.attempt}))
        else:
            await self._announce(self._outcomes.started(held.job))

    async def _announce(self, message: Message) -> None:
        """Say what is good to know and no promise."""
        try:
            await self._broker.announce(message)
        except ExecutorError as error:
            log.warning("event not published", id=message.id, error=str(error))

    async def _follow(self, verdict: Verdict, held: Held) -> None:
        match verdict:
            case Superseded():
                log.warning("given up: another worker has the job")
            case Retry(after, cause):
                log.warning("attempt failed", after=after, error=self._scrub(cause))
                self._metrics.retries.inc()
                await self._give_back(held, after, unused=False)
                await self._announce(self._outcomes.progress(held.job, held.claim, self._scrub(cause), after))
            case Failure():
                await self._fail(held, verdict)

    async def _give_back(self, held: Held, after: float, *, unused: bool) -> None:
        await self._ledger.release(held.claim, unused=unused)
        await held.delivery.nak(after)

    async def _fail(self, held: Held, cause: Failure) -> None:
        safe = replace(cause, message=self._scrub(cause.message))
        log.warning("job failed", reason=safe.reason, error=safe.message)
        self._metrics.dead_letters.labels(safe.reason).inc()
        tried = min(held.claim.attempt, self._settings.max_attempts)  # a claim that found all used up tried nothing
        claim = replace(held.claim, attempt=tried)
        await self._end(held, self._outcomes.failed(held.job, held.origin, safe, claim))

    async def _end(self, held: Held, outcome: Outcome) -> None:
        await self._outbox.finish(held.claim, outcome, held.origin if outcome.status == "interrupted" else None)
        held.ended = True
        log.info("job ended", status=outcome.status)
        self._metrics.jobs.labels(outcome.status).inc()
        if outcome.status != "interrupted":
            self._emit(held, EntryBody("end", "", {"status": outcome.status}))
        await self._outbox.publish_and_wake(held.job.thread_id, outcome.messages)
        await held.delivery.ack()

    def _emit(self, held: Held, body: EntryBody) -> None:
        kind, node, data = body
        if kind == "node_end" and data["error"]:
            data = data | {"error": self._scrub(data["error"])}
        self._progress.emit(Entry(held.job.thread_id, held.job.job_id, held.claim.attempt, kind, node, data))
