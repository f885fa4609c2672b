"""One delivery, answered: admitted, worked on, settled.

finish, publish, acknowledge: each may repeat, none may be skipped. Whatever dies in between, the delivery comes again
and finds in the ledger what is left to do.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Literal

import structlog

from executor.errors import Cancelled, Drained, ExecutorError, LeaseLost, TryAgain
from executor.jobs.claims import Tries, Wake
from executor.jobs.entries import Entry, EntryBody
from executor.jobs.job import TERMINAL, Interrupted, Message, Outcome, Result
from executor.jobs.outcomes import Outcomes
from executor.jobs.verdict import AskAgain, Failure, Limits, Postpone, Retry, expired, judge, worker_lost
from executor.settings import WorkerSettings
from executor.telemetry import Metrics
from executor.worker.admission import Admission
from executor.worker.insistence import insist
from executor.worker.large import Room
from executor.worker.leases import Held, Leases
from executor.worker.outbox import Outbox
from executor.worker.ports import Agents, Broker, Delivery, EntrySink, Ledger
from executor.worker.stream_ends import StreamEnds

log = structlog.get_logger()

GIVEN_BACK_SECONDS = 5.0
FIRST = 1  # epoch
IN_A_ROW = 8  # jobs of a thread, where others wait for a place


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
        stream_ends: StreamEnds,
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
        self._stream_ends = stream_ends
        self._outcomes = outcomes
        self._metrics = metrics
        self._settings = settings
        self._scrub = scrub
        self._limits = Limits(settings.max_attempts, settings.retry_seconds)
        self._room = Room()
        self._jitter = Random()  # noqa: S311 - spreads retries, guards nothing

    async def process(self, delivery: Delivery) -> None:
        """Answer one delivery: at the end it is acknowledged, given back, or left for its ack-wait."""
        try:
            await self._answer(delivery)
        except TryAgain as error:
            log.warning("given back", sequence=delivery.sequence, error=str(error))
            await delivery.nak(GIVEN_BACK_SECONDS)
        except LeaseLost:
            log.warning("outcome not written: another worker has the job", sequence=delivery.sequence)
        except Exception:
            log.exception("a bug: left to be delivered again", sequence=delivery.sequence)

    async def _answer(self, delivery: Delivery) -> None:
        """Work on its job, then on the next of the thread under the same delivery.

        After some in a row whoever waits for a place has his turn: the next one is asked for at the stream's end.
        """
        held, turns = await self._admission.admit(delivery), 1
        while held is not None and (following := await self._work(held)) is not None:
            if self._is_others_turn(turns):
                await self._outbox.wake([following])
                await delivery.ack()
                break
            held, turns = await self._admission.go_on_with(delivery, following.job_id), turns + 1

    def _is_others_turn(self, turns: int) -> bool:
        """Whether the thread must make room: every other place is taken, or the process is to end."""
        others = len(self._leases) >= self._settings.concurrency - 1
        return self._leases.is_draining or (turns >= IN_A_ROW and others)

    async def _work(self, held: Held) -> Wake | None:
        """Who is to go on with the thread under the same delivery, or None where it is answered."""
        bound = structlog.contextvars.bound_contextvars(job=held.job.job_id, attempt=held.claim.total)
        with bound, self._leases.hold(held), self._metrics.running.track_inprogress():
            if held.claim.cancelling:
                return await self._end(held, self._outcomes.cancelled(held.job))
            if cause := self._hopeless(held):
                # A claim that finds all attempts used up is none itself.
                return await self._fail(held, cause, held.claim.total - (held.claim.attempt > self._limits.attempts))
            return await self._attempt(held)

    def _hopeless(self, held: Held) -> Failure | None:
        """Why the job is not even begun with."""
        if held.refused is not None:
            return held.refused
        if held.claim.epoch == FIRST and held.job.expires_at is not None and held.job.expires_at <= held.claim.at:
            return expired(held.job.expires_at)  # one that has begun may wait for people or the world
        if held.claim.attempt > self._limits.attempts:
            return worker_lost(self._limits.attempts)
        return None

    async def _attempt(self, held: Held) -> Wake | None:
        log.info("job begun")
        self._metrics.attempts.inc()
        began = time.monotonic()
        try:
            result = await self._run(held)
        except Drained:
            await self._give_back(held, after=0.0, unused=True)
        except Cancelled:
            return await self._end(held, self._outcomes.cancelled(held.job))
        except LeaseLost:
            log.warning("given up: another worker has the job")
        except Exception as error:  # noqa: BLE001 - a graph may raise anything
            return await self._after(error, held)
        else:
            return await self._end(held, self._outcome(held, result, held.claim.elapsed + time.monotonic() - began))
        return None

    async def _run(self, held: Held) -> Result:
        await self._begin(held)
        run = await self._agents.open(held.job, held.claim, partial(self._emit, held))
        return await held.finish(run, self._settings.job_timeout_seconds)

    async def _begin(self, held: Held) -> None:
        """Say that an attempt begins; that the job does is said once."""
        word: Literal["attempt", "start"] = "attempt" if held.claim.is_retry else "start"
        self._emit(held, EntryBody(word, "", {"attempt": held.claim.total}))
        if held.claim.epoch == FIRST:
            await self._announce(self._outcomes.started(held.job))

    async def _announce(self, message: Message) -> None:
        """Say what is good to know and no promise."""
        try:
            await self._broker.announce(message)
        except ExecutorError as error:
            log.warning("event not published", id=message.id, error=str(error))

    async def _after(self, error: Exception, held: Held) -> Wake | None:
        """Do what follows from an attempt that failed."""
        tries = await insist(lambda: self._ledger.tally(held.claim), "failed attempt")
        answered = held.run is not None and held.run.is_answer
        verdict = judge(error, tries, self._limits, answered=answered, now=datetime.now(UTC), jitter=self._jitter)
        match verdict:
            case Retry(after, cause):
                await self._give_back(held, after, unused=False)
                await self._say_failed(held, tries, cause, after)
            case Postpone(after, cause, gate):
                await self._postpone(held, after, gate)
                if gate is None:
                    await self._say_failed(held, tries, cause, after)
            case AskAgain():
                return await self._ask_again(held, verdict)
            case Failure():
                return await self._fail(held, verdict, tries.total)
        return None

    async def _say_failed(self, held: Held, tries: Tries, cause: str, after: float) -> None:
        log.warning("attempt failed", after=after, error=self._scrub(cause))
        self._metrics.retries.inc()
        await self._announce(self._outcomes.progress(held.job, tries.total, self._scrub(cause), after))

    async def _give_back(self, held: Held, after: float, *, unused: bool) -> None:
        await insist(lambda: self._ledger.release(held.claim, after, unused=unused), "release")
        await held.delivery.nak(after)

    async def _postpone(self, held: Held, after: float, gate: str | None) -> None:
        """Let the job wait in the ledger: in the broker it would count as lag, and KEDA add pods that wait as well."""
        log.info("parked: the world is at fault", after=after, gate=gate)
        await insist(lambda: self._ledger.postpone(held.claim, held.origin, after, gate), "postponement")
        await held.delivery.ack()

    async def _ask_again(self, held: Held, refused: AskAgain) -> Wake | None:
        """Put the question once more that the graph's own code could not take the answer to."""
        asked = await held.run.asked() if held.run is not None else []
        error = {"type": refused.type, "message": self._scrub(refused.message)}
        log.warning("asked again: the answer was not taken", error=error["message"])
        return await self._end(held, self._outcome(held, Interrupted(asked, error), held.claim.elapsed))

    async def _fail(self, held: Held, cause: Failure, total: int) -> Wake | None:
        safe = replace(cause, message=self._scrub(cause.message))
        log.warning("job failed", reason=safe.reason, error=safe.message)
        self._metrics.dead_letters.labels(safe.reason).inc()
        return await self._end(
            held, self._outcomes.failed(held.job, held.origin, safe, replace(held.claim, total=total))
        )

    def _outcome(self, held: Held, result: Result, seconds: float) -> Outcome:
        if not isinstance(result, Interrupted):
            self._metrics.duration.observe(seconds)
        return self._outcomes.ended(held.job, held.claim, result, seconds)

    async def _end(self, held: Held, outcome: Outcome) -> Wake | None:
        async with self._room.of(outcome.size):
            goes_on, following = await self._finish(held, outcome)
        if goes_on:
            await held.delivery.nak()
        elif following is None:
            await held.delivery.ack()
        return following

    async def _finish(self, held: Held, outcome: Outcome) -> tuple[bool, Wake | None]:
        """Whether the job itself goes on at once; who else of its thread does."""
        goes_on = await self._outbox.finish(held.claim, outcome, held.origin if outcome.questions else None)
        held.ended = True
        log.info("job ended", status=outcome.status)
        self._metrics.jobs.labels(outcome.status).inc()
        wakes, _ = await asyncio.gather(
            self._outbox.publish_and_settle(held.job.thread_id, outcome.messages),
            self._say_end(held, outcome.status),
        )
        return goes_on, next(iter(wakes), None)

    async def _say_end(self, held: Held, status: str) -> None:
        if status in TERMINAL:
            await self._stream_ends.say(held.job.thread_id, held.job.job_id, held.claim.total, status)

    def _emit(self, held: Held, body: EntryBody) -> None:
        kind, node, data, ns = body
        if kind == "node_end" and data["error"]:
            data = data | {"error": self._scrub(data["error"])}
        self._progress.emit(Entry(held.job.thread_id, held.job.job_id, held.claim.total, kind, node, data, ns))
