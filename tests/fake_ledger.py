"""The ledger in memory, by the same rules."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from executor.errors import LeaseLost, TryAgain
from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.answers import NotAsked
from executor.jobs.claims import (
    Applicant,
    Blocked,
    Busy,
    Claim,
    Conflict,
    Early,
    Finished,
    GoesOn,
    NotClaimed,
    Tries,
    Waiting,
    Wake,
)
from executor.jobs.job import (
    EVERY_JOB,
    TERMINAL,
    CalledOff,
    Identity,
    Job,
    JobFilter,
    Message,
    Origin,
    Outcome,
    Replaced,
    Submission,
    Taken,
)
from tests.fakes import EPOCH, Journal

LEASE = 15.0


@dataclass
class Row:
    """A job of the ledger."""

    thread: str
    digest: bytes
    sequence: int | None
    status: str = "queued"
    attempts: int = 0
    epoch: int = 0
    lease_until: float = 0.0
    outcome: Outcome | None = None
    kept: Origin | None = None
    due: datetime | None = None
    cancelling: bool = False
    wakes: int = 0
    earlier: int = 0
    fault: float = 0.0
    advanced: bool = False
    answered: bool = False
    tenant: str = ""
    resolved: Resolved = UNRESOLVED

    def accept(self, resolved: Resolved) -> None:
        """What was found first counts."""
        if self.resolved == UNRESOLVED:
            self.resolved = resolved

    def blocks(self, other: "Row", now: float) -> bool:
        """Whether the other job of the thread must wait for this one."""
        if self is other or self.thread != other.thread or self.status in TERMINAL:
            return False
        before = self.sequence is not None and other.sequence is not None and self.sequence < other.sequence
        return (self.status == "running" and self.lease_until > now) or (before and self.due is None)


@dataclass
class Promised:
    """A row of the outbox."""

    message: Message
    job_id: str | None
    published: bool = False


@dataclass
class FakeLedger:
    """The rules of the ledger on a dictionary; `now` is its clock, `down` names the methods that fail."""

    journal: Journal
    rows: dict[str, Row] = field(default_factory=dict)
    outbox: dict[str, Promised] = field(default_factory=dict)
    now: float = 0.0
    down: set[str] = field(default_factory=set)
    leases: dict[str, float] = field(default_factory=dict)

    async def claim(
        self,
        job: Identity,
        not_before: datetime | None = None,
        replay: int | None = None,  # noqa: ARG002 - the port's
        resolved: Resolved = UNRESOLVED,
    ) -> Claim | NotClaimed:
        await self._call("claim")
        row = self.rows.get(job.job_id, Row(job.thread_id, job.digest, job.sequence))
        if row.digest != job.digest:
            return Conflict()
        if refused := self._refuse(job.job_id, row, not_before):
            return refused
        self.rows[job.job_id] = row
        row.accept(resolved)
        row.status, row.attempts, row.epoch, row.due = "running", row.attempts + 1, row.epoch + 1, None
        row.lease_until = self.now + LEASE
        self.journal.append(("claim", job.job_id, row.attempts))
        total = row.earlier + row.attempts
        claim = Claim(job.job_id, row.epoch, row.attempts, 0.0, self.time, cancelling=row.cancelling, total=total)
        return replace(claim, resolved=row.resolved)

    async def waiting(self, job_id: str) -> Waiting | None:
        await self._call("waiting")
        row = self.rows.get(job_id)
        return None if row is None or row.kept is None else Waiting(row.sequence, row.kept)

    async def ended(self, job_id: str) -> tuple[str, Finished] | None:
        await self._call("ended")
        row = self.rows.get(job_id)
        if row is None or row.outcome is None:
            return None
        return row.thread, Finished(row.status, row.attempts, self._unpublished(job_id))

    async def park(self, waiting: Sequence[Applicant]) -> set[str]:
        await self._call("park")
        for each in waiting:
            job = each.job
            row = self.rows.setdefault(job.job_id, Row(job.thread_id, job.digest, job.sequence))
            row.status, row.kept, row.due = "parked", each.origin, each.not_before
            row.accept(each.resolved)
        names = [each.job.job_id for each in waiting]
        self.journal.append(("park", *names))
        return set(names)

    async def goes_on(self, thread_id: str) -> GoesOn | None:
        await self._call("goes_on")
        for job_id, row in self.rows.items():
            if row.thread == thread_id and row.kept is not None and row.status in {"queued", "running"}:
                return GoesOn(job_id, max(row.lease_until - self.now, 0.0))
        return None

    async def renew(self, claims: Iterable[Claim]) -> dict[str, bool]:
        await self._call("renew")
        ours = {claim.job_id: self.rows[claim.job_id].cancelling for claim in claims if self._owns(claim)}
        for job_id in ours:
            self.rows[job_id].lease_until = self.now + LEASE
        return ours

    async def tally(self, claim: Claim) -> Tries:
        await self._call("tally")
        if not self._owns(claim):
            raise LeaseLost(claim.job_id)
        row = self.rows[claim.job_id]
        return Tries(row.attempts, row.earlier + row.attempts, row.fault, row.advanced)

    async def postpone(self, claim: Claim, origin: Origin, after: float, gate: str | None) -> None:
        await self._call("postpone")
        if not self._owns(claim):
            raise LeaseLost(claim.job_id)
        row = self.rows[claim.job_id]
        row.status, row.lease_until, row.kept, row.due = "parked", 0.0, origin, self.time + timedelta(seconds=after)
        row.attempts, row.earlier = row.attempts - 1, row.earlier + (gate is None)
        self.journal.append(("postpone", claim.job_id, after, gate))

    async def let_pass(self, gates: Sequence[str]) -> None:
        await self._call("let_pass")
        self.journal.append(("let pass", *gates))

    async def release(self, claim: Claim, after: float = 0.0, *, unused: bool) -> None:  # noqa: ARG002 - the port's
        await self._call("release")
        if self._owns(claim):
            row = self.rows[claim.job_id]
            row.status, row.lease_until, row.attempts = "queued", 0.0, row.attempts - unused
            self.journal.append(("release", claim.job_id, row.attempts))

    async def finish(self, claim: Claim, outcome: Outcome, kept: Origin | None = None) -> bool:
        await self._call("finish")
        if not self._owns(claim):
            raise LeaseLost(claim.job_id)
        row = self.rows[claim.job_id]
        row.status, row.lease_until, row.outcome, row.kept = outcome.status, 0.0, outcome, kept
        self._promise(claim.job_id, outcome.messages)
        self.journal.append(("finish", claim.job_id, outcome.status))
        return row.answered

    async def mark_and_wake(self, thread_id: str, published: Sequence[Message]) -> list[Wake]:
        await self._call("mark_and_wake")
        self._mark(published)
        return [self._wake(job_id) for job_id in self._next(thread_id)[:1]]

    async def reject(self, job: Identity, outcome: Outcome) -> None:
        await self._call("reject")
        row = Row(job.thread_id, job.digest, job.sequence, outcome.status, outcome=outcome)
        self.rows.setdefault(job.job_id, row)
        self._promise(job.job_id, outcome.messages)

    async def promise(self, messages: Sequence[Message]) -> None:
        await self._call("promise")
        self._promise(None, messages)

    async def overdue(self) -> list[Message]:
        await self._call("overdue")
        return self.unmarked()

    async def published(self, messages: Sequence[Message]) -> None:
        await self._call("published")
        self._mark(messages)

    async def wakes(self) -> list[Wake]:
        await self._call("wakes")
        due = [job_id for job_id, row in self.rows.items() if row.due and row.due <= self.time]
        return [self._wake(job_id) for job_id in due]

    async def take(self, name: str, seconds: float) -> bool:
        await self._call("take")
        if self.leases.get(name, self.now) > self.now:
            return False
        self.leases[name] = self.now + seconds
        self.journal.append(("take", name))
        return True

    async def forgotten(self) -> list[Wake]:
        await self._call("forgotten")
        threads = sorted({row.thread for row in self.rows.values()})
        return [self._wake(job_id) for thread in threads for job_id in self._next(thread)[:1]]

    async def unknown(self, after: int, before: int) -> list[int]:
        known = {row.sequence for row in self.rows.values()}
        return [sequence for sequence in range(after + 1, before) if sequence not in known]

    async def seen(self, job_ids: Sequence[str]) -> set[str]:
        return set(job_ids) & set(self.rows)

    async def queue(self, orders: Sequence[Submission]) -> Taken | None:
        await self._call("queue")
        for index, order in enumerate(orders):
            row = self.rows.get(order.identity.job_id)
            if row is not None and (row.digest != order.identity.digest or order.tenant not in (None, row.tenant)):
                return Taken(index)
            if any(other.thread == order.identity.thread_id for other in self._rows_of_others(order.tenant)):
                return Taken(index, "thread_id")
        for order in orders:
            job = order.identity
            row = Row(job.thread_id, job.digest, None, kept=order.kept, tenant=order.tenant or "")
            self.rows.setdefault(job.job_id, row).accept(order.resolved)
            self._promise(job.job_id, [order.message])
        return None

    async def job(self, job_id: str, tenant: str | None = None) -> Job | None:
        await self._call("job")
        row = self.rows.get(job_id)
        return None if row is None or tenant not in (None, row.tenant) else _shown(job_id, row)

    async def end_of(self, job_id: str) -> Job | None:
        await self._call("end_of")
        row = self.rows.get(job_id)
        return _shown(job_id, row) if row is not None and row.status in {*TERMINAL, "interrupted"} else None

    async def jobs(self, limit: int, only: JobFilter = EVERY_JOB, before: Job | None = None) -> list[Job]:
        await self._call("jobs")
        newest = sorted(self.rows, reverse=True)
        mine = [job_id for job_id in newest if only.tenant in (None, self.rows[job_id].tenant)]
        shown = [_shown(job_id, self.rows[job_id]) for job_id in mine if not before or job_id < before.job_id]
        return [job for job in shown if _is_listed(job, only)][:limit]

    async def resume(self, job_id: str, answer: object, key: str | None = None) -> Wake | None:  # noqa: ARG002
        if self.rows[job_id].status != "interrupted":
            raise NotAsked("no question of it is open")
        return self._wake(job_id)

    async def cancel(self, job_id: str, say: Callable[[CalledOff], Message]) -> CalledOff | None:
        row = self.rows[job_id]
        row.cancelling = True
        if row.status in {"running", *TERMINAL}:
            return None
        row.status = "cancelled"
        called = CalledOff(row.thread, row.attempts, row.kept)
        self._promise(job_id, [say(called)])
        return called

    async def replace(
        self, order: Submission, say: Callable[[str, CalledOff], Message], *, waiting: bool
    ) -> Replaced | Taken:
        if (taken := await self.queue([order])) is not None:
            return taken
        for job_id, row in self.rows.items():
            begun = row.status == "interrupted" or (row.status == "running" and not waiting)
            if row.thread == order.identity.thread_id and begun:
                return Replaced(job_id, await self.cancel(job_id, partial(say, job_id)))
        return Replaced()

    async def orphans(self, first: int) -> list[tuple[str, Claim]]:
        await self._call("orphans")
        gone = [job_id for job_id, row in self.rows.items() if row.sequence is not None and row.sequence < first]
        found = []
        for job_id in gone:
            row = self.rows[job_id]
            row.status, row.epoch = "running", row.epoch + 1
            found.append((row.thread, Claim(job_id, row.epoch, row.attempts, 0.0, self.time, total=row.attempts)))
        return found

    @property
    def time(self) -> datetime:
        """The clock as a moment."""
        return EPOCH + timedelta(seconds=self.now)

    def unmarked(self) -> list[Message]:
        """What is promised and not known to be published."""
        return [row.message for row in self.outbox.values() if not row.published]

    def steal(self, job_id: str) -> None:
        """Claim a job as another worker whose clock says that the lease is over."""
        self.rows[job_id].epoch += 1

    async def _call(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.down:
            raise TryAgain("the ledger is down")

    def _unpublished(self, job_id: str) -> tuple[Message, ...]:
        return tuple(said.message for said in self.outbox.values() if said.job_id == job_id and not said.published)

    def _refuse(self, job_id: str, row: Row, not_before: datetime | None) -> NotClaimed | None:
        given = self.rows.get(job_id)
        if given is not None and given.outcome is not None:
            return Finished(row.status, row.attempts, self._unpublished(job_id))
        if row.lease_until > self.now:
            return Busy(row.lease_until - self.now)
        if not_before is not None and not_before > self.time:
            return Early()
        return Blocked() if any(other.blocks(row, self.now) for other in self.rows.values()) else None

    def _rows_of_others(self, tenant: str | None) -> list[Row]:
        return [] if tenant is None else [row for row in self.rows.values() if row.tenant != tenant]

    def _owns(self, claim: Claim) -> bool:
        row = self.rows[claim.job_id]
        return row.status == "running" and row.epoch == claim.epoch

    def _next(self, thread: str) -> list[str]:
        rows = [(row.sequence or 0, job_id, row) for job_id, row in self.rows.items() if row.thread == thread]
        if any(row.status in {"running", "queued", "interrupted"} for _, _, row in rows):
            return []
        return [job_id for _, job_id, row in sorted(rows, key=lambda found: found[:2]) if row.status == "parked"]

    def _wake(self, job_id: str) -> Wake:
        row = self.rows[job_id]
        row.status, row.due, row.wakes = "queued", None, row.wakes + 1
        return Wake(job_id, row.wakes)

    def _mark(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.id in self.outbox:
                self.outbox[message.id].published = True
        self.journal.append(("mark", *sorted(message.id for message in messages)))

    def _promise(self, job_id: str | None, messages: Iterable[Message]) -> None:
        for message in messages:
            self.outbox.setdefault(message.id, Promised(message, job_id))


def _is_listed(job: Job, only: JobFilter) -> bool:
    given = {"status": only.status, "thread_id": only.thread_id, "agent": only.agent}
    is_in_time = (only.since or EPOCH) <= job.created_at and (only.until is None or job.created_at < only.until)
    return is_in_time and all(value in (None, getattr(job, name)) for name, value in given.items())


def _shown(job_id: str, row: Row) -> Job:
    outcome = row.outcome or Outcome(row.status, None, None, ())
    return Job(
        job_id=job_id,
        thread_id=row.thread,
        status=row.status,
        attempts=row.attempts,
        created_at=EPOCH,
        started_at=None,
        finished_at=None,
        duration_ms=outcome.duration_ms,
        result=outcome.result,
        error=outcome.error,
        agent=row.resolved.agent,
    )
