"""The ledger against a model of it: workers that crash, sleep past their lease and wake, messages that come twice.

The machine does what reception, processor and outbox do with the ledger, one statement a step. The model says what each
answer must be; what must hold whatever happens is checked after each step.
"""

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from executor.errors import LeaseLost
from executor.jobs.claims import Blocked, Claim, Finished, Wake
from executor.settings import PostgresSettings
from tests.integration.durable.lab import Lab, lab_on
from tests.integration.durable.model import JOBS, Asked, Held, Model

T = TypeVar("T")

THEN = ("renews", "gives back", "completed", "interrupted", "sleeps on")  # what a sleeper does when it wakes
ROUNDS = 60


class Book:
    """The lab on a loop of its own, so that a step is a plain call."""

    def __init__(self, postgres: PostgresSettings) -> None:
        self._runner = asyncio.Runner()
        self._opened = lab_on(postgres)
        self.lab: Lab = self.do(self._opened.__aenter__())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def renewed(self) -> Lab:
        """The same lab with names that nobody used."""
        self.lab = replace(self.lab, tag=uuid.uuid4().hex[:8], _places={})
        for name in JOBS:
            self.lab.identity(name)
        return self.lab

    def close(self) -> None:
        self.do(self._opened.__aexit__(None, None, None))
        self._runner.close()


class Machine(Model, RuleBasedStateMachine):
    """Rules are what may happen at any time; `book` is set by the test."""

    book: Book

    @initialize()
    def begin(self) -> None:
        self.lab = self.book.renewed()
        self.know_messages()
        self.ghosts: list[Held] = []

    # What senders do

    @precondition(lambda self: len(self.messages) < len(JOBS))
    @rule(name=st.sampled_from(JOBS))
    def publish_again(self, name: str) -> None:
        self.messages.append(Asked(name))

    @precondition(lambda self: not any(row.cancelling for row in self.rows.values()))
    @rule(name=st.sampled_from(JOBS))
    def cancel(self, name: str) -> None:
        row = self.rows[name]
        here = row.unfinished and not (row.status == "running" and row.leased)
        assert self.book.do(self.lab.cancel(name)) == (self.lab.id(row.thread) if here else None)
        row.cancelling = row.cancelling or row.unfinished
        if here:
            row.status, row.epoch, row.leased = "cancelled", row.epoch + 1, False
            self.wake(row.thread)

    @precondition(lambda self: any(row.status == "interrupted" for row in self.rows.values()))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        names = [row.name for row in self.rows.values() if row.status == "interrupted"]
        row = self.rows[data.draw(st.sampled_from(names))]
        wake = self.book.do(self.lab.register.resume(self.lab.id(row.name), "yes"))
        row.status, row.wakes = "queued", row.wakes + 1
        assert wake == Wake(self.lab.id(row.name), row.wakes)
        self.messages.append(Asked(row.name, row.wakes))

    # What workers do

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A message reaches a worker; it may have reached another before, who still has it."""
        self.take(data.draw(st.sampled_from(self.messages)))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), status=st.sampled_from(["completed", "completed", "failed", "interrupted"]))
    def finish(self, data: st.DataObject, status: str) -> None:
        held = self.drawn(data, self.held)
        self.held.remove(held)
        if self.write(held, status):
            self.acknowledge(held)
            self.wake(self.rows[held.name].thread)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), unused=st.booleans())
    def release(self, data: st.DataObject, unused: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        held = self.drawn(data, self.held)
        self.held.remove(held)
        self.give_back(held, unused=unused)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def postpone(self, data: st.DataObject) -> None:
        """The world is at fault: the job is parked until it is due, which is at once, and keeps its thread."""
        held = self.drawn(data, self.held)
        self.held.remove(held)
        try:
            self.book.do(self.lab.ledger.postpone(held.claim, self.lab.origin(held.name), 0.0, None))
        except LeaseLost:
            assert not self.owns(held), held
            return
        row = self.rows[held.name]
        row.status, row.leased, row.attempts = "parked", False, row.attempts - 1
        self.acknowledge(held)

    @precondition(lambda self: self.held)
    @rule()
    def renew(self) -> None:
        """Every worker's heartbeat; those that lost their lease are told so."""
        ours = self.book.do(self.lab.ledger.renew([held.claim for held in self.held]))
        owned = [held for held in self.held if self.owns(held)]
        assert ours == {held.claim.job_id: self.rows[held.name].cancelling for held in owned}
        for held in owned:
            self.rows[held.name].leased = True
        for held in set(self.held) - set(owned):
            self.held.remove(held)

    # What goes wrong

    @precondition(lambda self: self.held)
    @rule(data=st.data(), fate=st.sampled_from(["overtaken", "paused", "killed"]), then=st.sampled_from(THEN))
    def sleep(self, data: st.DataObject, fate: str, then: str) -> None:
        """A worker is killed, or paused until its lease is over: it wakes and goes on as if nothing had been."""
        held = self.drawn(data, self.held)
        self.held.remove(held)
        self.book.do(self.lab.expire_lease(held.name))
        self.rows[held.name].leased = False
        if fate == "overtaken" and held.message in self.messages:
            self.take(held.message)
        if fate != "killed":
            self.ghosts.append(held)
            self.wake_up(held, then)

    @precondition(lambda self: self.ghosts)
    @rule(data=st.data(), then=st.sampled_from(THEN))
    def wake_late(self, data: st.DataObject, then: str) -> None:
        self.wake_up(self.drawn(data, self.ghosts), then)

    def wake_up(self, held: Held, then: str) -> None:
        """What a worker does that does not know how long it slept."""
        if then == "sleeps on":
            return
        if then == "renews":
            owned = self.owns(held)
            assert list(self.book.do(self.lab.ledger.renew([held.claim]))) == [held.claim.job_id] * owned
            self.rows[held.name].leased |= owned
            return
        self.ghosts.remove(held)
        if then == "gives back":
            self.give_back(held, unused=False)
        elif self.write(held, then):
            self.acknowledge(held)
            self.wake(self.rows[held.name].thread)

    @precondition(lambda self: any(row.status == "parked" for row in self.rows.values()))
    @rule()
    def sweep(self) -> None:
        woken = self.book.do(self.lab.swept())
        due = [*self.nexts(), *self.postponed()]
        assert sorted(woken) == sorted(name.partition("@")[0] for name in due)
        for name in due:
            self.note_woken(name)

    # What holds

    @invariant()
    def the_ledger_is_as_the_model(self) -> None:
        if not hasattr(self, "rows"):
            return
        query = "SELECT job_id, status, epoch, attempts FROM jobs WHERE job_id LIKE %(mine)s"
        found = {row.pop("job_id"): row for row in self.book.do(self.lab.ask(query, mine=f"{self.lab.tag}%"))}
        known = {
            self.lab.id(row.name): {"status": row.status, "epoch": row.epoch, "attempts": row.attempts}
            for row in self.rows.values()
            if row.status != "new"
        }
        assert found == known

    @invariant()
    def one_runs_on_a_thread_and_each_ends_once(self) -> None:
        if not hasattr(self, "rows"):
            return
        running = [row.thread for row in self.rows.values() if row.status == "running"]
        assert len(running) == len(set(running))
        query = """
        SELECT job_id, count(*) AS n FROM outbox
        WHERE job_id LIKE %(mine)s AND id ~ '(completed|failed|cancelled)$' GROUP BY job_id
        """
        ends = {row["job_id"]: row["n"] for row in self.book.do(self.lab.ask(query, mine=f"{self.lab.tag}%"))}
        assert ends == {self.lab.id(row.name): 1 for row in self.rows.values() if row.ended}

    def teardown(self) -> None:
        """Everybody dies, and one good worker does what is left: nothing waits for ever."""
        if not hasattr(self, "rows"):
            return
        self.ghosts = []
        self.held = []
        for row in self.rows.values():
            if row.leased:
                self.book.do(self.lab.expire_lease(row.name))
                row.leased = False
        for _ in range(ROUNDS):
            if all(row.ended or row.status == "new" for row in self.rows.values()):
                break
            self.one_round()
        assert [row.status for row in self.rows.values() if row.unfinished] == []

    def one_round(self) -> None:
        for row in self.rows.values():
            if row.status == "interrupted":
                self.book.do(self.lab.register.resume(self.lab.id(row.name), "yes"))
                row.status, row.wakes = "queued", row.wakes + 1
                self.messages.append(Asked(row.name, row.wakes))
        for message in list(self.messages):
            self.take(message)
        for held in list(self.held):
            self.held.remove(held)
            assert self.write(held, "completed")
            self.acknowledge(held)
        self.sweep()

    # How

    def take(self, message: Asked) -> None:
        row = self.rows[message.name]
        if message.wake and self.book.do(self.lab.room.waiting(self.lab.id(row.name))) is None:
            self.messages.remove(message)
            return
        expected = self.expected(row)
        got = self.book.do(self.lab.claim(row.name))
        assert type(got) is expected, (row, got)
        if isinstance(got, Claim):
            self.note_begun(row, got, message)
        elif isinstance(got, Blocked):
            assert self.book.do(self.lab.park(row.name))
            row.status = "parked"
            self.messages.remove(message)
        elif isinstance(got, Finished):
            self.messages.remove(message)

    def write(self, held: Held, status: str) -> bool:
        """Whether the outcome was written, which only the owner's may be."""
        row = self.rows[held.name]
        allowed = self.owns(held) and not (row.cancelling and status == "interrupted")
        try:
            kept = self.lab.origin(row.name) if status == "interrupted" else None
            self.book.do(self.lab.finish(held.claim, status, kept=kept))
        except LeaseLost:
            assert not allowed, held
            return False
        assert allowed, ("written by a worker that does not own the job", held)
        row.status, row.leased, row.attempts = status, False, row.attempts - (status == "interrupted")
        return True

    def give_back(self, held: Held, *, unused: bool) -> None:
        self.book.do(self.lab.ledger.release(held.claim, unused=unused))
        row = self.rows[held.name]
        if self.owns(held):
            row.status, row.leased, row.attempts = "queued", False, row.attempts - unused

    def wake(self, thread: str) -> None:
        woken = self.book.do(self.lab.settle(thread))
        names = [name for name in self.nexts() if name.endswith(thread)]
        assert [self.lab.named(wake.job_id) for wake in woken] == [name.partition("@")[0] for name in names]
        for name in names:
            self.note_woken(name)

    def drawn(self, data: st.DataObject, held: list[Held]) -> Held:
        return data.draw(st.sampled_from(held))
