"""Lines on a ledger that notes what it is asked."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from executor.errors import TryAgain
from executor.jobs.claims import Applicant, Blocked, Busy, Claim, Conflict, Finished, Parked
from executor.jobs.job import Identity, Origin
from executor.worker.lines import Lines

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOCKED = Blocked()


@dataclass
class Ledger:
    """Answers each claim as it is told, else that the thread is busy; `free` are those who need not be parked."""

    answers: dict[str, object] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)
    free: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def claim(self, job, *_):
        self.asked.append(job.job_id)
        await self.gate.wait()
        answer = self.answers.get(job.job_id, BLOCKED)
        found = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(found, Exception):
            raise found
        return found

    async def park(self, waiting):
        names = [each.job.job_id for each in waiting]
        self.asked.append(names)
        await asyncio.sleep(0)
        if isinstance(failure := self.answers.get("park"), Exception):
            raise failure
        return set(names) - self.free


@pytest.fixture
def ledger():
    return Ledger()


def claim_of(name):
    return Claim(name, 1, 1, 0.0, NOW)


def applicant(name, thread="t", not_before=None):
    return Applicant(Identity(name, thread, b"", 1), Origin(name, "s", {}, b""), not_before)


async def answered(ledger, *names, refusing=(), early=()):
    """The answers to all of them, who come while the first is asked for."""
    lines = Lines(ledger, ledger)
    asking = [
        asyncio.create_task(
            lines.claim(applicant(name, not_before=NOW if name in early else None), may_wait=name not in refusing)
        )
        for name in names
    ]
    await asyncio.sleep(0)
    ledger.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert lines._behind == {}
    return found


async def test_behind_one_that_begins_all_others_are_parked_at_once(ledger):
    ledger.answers["a"] = claim_of("a")
    assert await answered(ledger, *"abcd") == [claim_of("a"), Parked(), Parked(), Parked()]
    assert ledger.asked == ["a", ["b", "c", "d"]]


async def test_behind_one_that_must_wait_all_others_are_parked_at_once(ledger):
    assert await answered(ledger, *"abc") == [Parked()] * 3
    assert ledger.asked == ["a", ["a"], ["b", "c"]]


async def test_behind_one_that_is_answered_otherwise_the_next_is_asked_for(ledger):
    ended = Finished("completed", 1, ())
    ledger.answers.update(a=ended, b=Conflict(), c=Busy(3), d=claim_of("d"))
    assert await answered(ledger, *"abcde") == [ended, Conflict(), Busy(3), claim_of("d"), Parked()]
    assert ledger.asked == ["a", "b", "c", "d", ["e"]]


async def test_who_need_not_wait_any_more_tries_for_himself(ledger):
    ledger.answers.update(a=claim_of("a"), b=claim_of("b"))
    ledger.free = {"b"}
    assert await answered(ledger, *"abc") == [claim_of("a"), claim_of("b"), Parked()]
    assert ledger.asked == ["a", ["b", "c"], "b"]


async def test_who_does_not_want_to_wait_or_has_a_time_is_not_parked_unasked(ledger):
    ledger.answers["a"] = claim_of("a")
    found = await answered(ledger, *"abcd", refusing="b", early="c")
    assert found == [claim_of("a"), Blocked(), Parked(), Parked()]
    assert ledger.asked == ["a", ["d"], "b", "c", ["c"]]


async def test_the_same_job_twice_is_parked_once_and_asked_for_again(ledger):
    ledger.answers["a"] = claim_of("a")
    ledger.answers["b"] = Busy(2)
    assert await answered(ledger, "a", "b", "b") == [claim_of("a"), Parked(), Busy(2)]
    assert ledger.asked == ["a", ["b"], "b"]


async def test_whose_thread_became_free_as_he_asked_asks_again(ledger):
    ledger.answers["a"] = [BLOCKED, Busy(0.0), claim_of("a")]
    ledger.free = {"a"}
    assert await answered(ledger, "a") == [claim_of("a")]
    assert ledger.asked == ["a", ["a"], "a", "a"]


async def test_where_the_database_fails_for_one_it_does_for_all_behind_him(ledger):
    ledger.answers["a"] = claim_of("a")
    ledger.answers["b"] = TryAgain("away")
    found = await answered(ledger, *"abcd", refusing="bcd")
    assert found[0] == claim_of("a")
    assert [str(each) for each in found[1:]] == ["away"] * 3
    assert ledger.asked == ["a", "b"]


async def test_where_they_cannot_be_parked_all_are_told(ledger):
    ledger.answers.update(a=claim_of("a"), park=TryAgain("away"))
    found = await answered(ledger, *"abc")
    assert [str(each) for each in found[1:]] == ["away"] * 2


async def test_an_error_of_one_is_nobody_elses(ledger):
    ledger.answers.update(a=claim_of("a"), b=ValueError("b"), c=claim_of("c"))
    found = await answered(ledger, *"abc", refusing="bc")
    assert (found[0], str(found[1]), found[2]) == (claim_of("a"), "b", claim_of("c"))


async def test_who_goes_away_stops_nobody(ledger):
    lines = Lines(ledger, ledger)
    ledger.answers["a"] = claim_of("a")
    asking = [asyncio.create_task(lines.claim(applicant(name), may_wait=True)) for name in "abc"]
    await asyncio.sleep(0)
    asking[1].cancel()
    ledger.gate.set()
    assert [await asking[0], await asking[2]] == [claim_of("a"), Parked()]


async def test_threads_do_not_wait_for_each_other(ledger):
    lines = Lines(ledger, ledger)
    asking = [asyncio.create_task(lines.claim(applicant(name, name), may_wait=True)) for name in "abc"]
    await asyncio.sleep(0)
    assert ledger.asked == ["a", "b", "c"]
    ledger.gate.set()
    assert await asyncio.gather(*asking) == [Parked()] * 3
