"""Whose turn it is, by what is delivered here, what the ledger has, and what lies in the stream."""

import asyncio
from dataclasses import dataclass, field

import pytest

from executor.errors import TryAgain
from executor.jobs.job import JobRequest
from executor.worker import thread_order
from executor.worker.thread_order import LOOKED_BACK, ThreadOrder
from tests.unit.executor.conftest import event, until_true

pytestmark = pytest.mark.anyio


@dataclass
class Others:
    """What other processes have: the stream's floor, jobs that lie in it, and those that came into the ledger."""

    floor: int = 0
    stream: dict[int, bytes] = field(default_factory=dict)
    ledger: set[int] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    reads: list[int] = field(default_factory=list)
    floors: int = 0
    down: bool = False

    async def acknowledged(self):
        self.floors += 1
        if self.down:
            raise TryAgain("the broker is down")
        return self.floor

    async def at(self, sequence):
        self.reads.append(sequence)
        return ({}, self.stream[sequence]) if sequence in self.stream else None

    async def unknown(self, after, before):
        return [place for place in range(after + 1, before) if place not in self.ledger]

    async def seen(self, job_ids):
        return self.ids & set(job_ids)

    def holds(self, place, thread):
        """Another process has a job of the thread from this place."""
        self.stream[place] = event(f"j{place}", thread_id=thread)


@dataclass
class Here:
    """This process: who came and whose turn came, in order."""

    order: ThreadOrder
    turns: list[int] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def comes(self, place, thread="t"):
        self.tasks.append(asyncio.create_task(self._come(place, thread)))

    async def _come(self, place, thread):
        await self.order.wait(place, job(place, thread))
        self.turns.append(place)

    async def until(self, *places):
        await until_true(lambda: self.turns == list(places))


def job(place, thread="t"):
    return JobRequest(f"j{place}", thread, {}, {})


@pytest.fixture
def others():
    return Others()


@pytest.fixture
def here(others):
    return Here(ThreadOrder(others, others))


async def test_jobs_that_all_come_here_have_their_turns_at_once_and_nobody_is_asked(here, others):
    for place in (1, 2, 3):
        await here.order.wait(place, job(place))
    assert (others.reads, others.floors) == ([], 0)


async def test_a_job_that_is_delivered_late_has_its_turn_first(here, others):
    here.order.pass_by(1)
    here.comes(4)
    here.comes(3)
    await asyncio.sleep(0)
    assert here.turns == []
    here.comes(2)
    await here.until(2, 3, 4)
    assert others.reads == []


async def test_a_job_waits_for_one_of_its_thread_that_another_process_has_until_the_ledger_has_it(here, others):
    others.holds(1, "t")
    here.comes(2)
    await until_true(lambda: others.reads == [1])
    await asyncio.sleep(3 * thread_order.PAUSE_SECONDS)
    assert here.turns == []
    others.ledger.add(1)
    await here.until(2)
    assert others.reads == [1], "each place is read once"


async def test_a_job_that_came_into_the_ledger_by_another_message_is_waited_for_no_longer(here, others):
    others.holds(1, "t")
    here.comes(2)
    await until_true(lambda: others.reads == [1])
    others.ids.add("j1")
    await here.until(2)


async def test_what_others_have_of_other_threads_or_what_is_no_job_is_not_waited_for(here, others):
    others.holds(1, "another")
    others.stream[2] = b"not json"
    await here.order.wait(4, job(4))
    assert others.reads == [1, 2, 3]


async def test_what_is_acknowledged_or_long_ago_is_not_looked_for(here, others):
    others.floor = 7
    await here.order.wait(9, job(9))
    assert others.reads == [8]
    await here.order.wait(5000, job(5000))
    assert min(others.reads[1:]) == 5000 - LOOKED_BACK + 1


async def test_a_job_that_did_not_come_into_the_ledger_is_waited_for_again(here, others):
    await here.order.wait(1, job(1))
    here.order.give_back(1, job(1))
    here.comes(2)
    await asyncio.sleep(3 * thread_order.PAUSE_SECONDS)
    assert here.turns == []
    here.comes(1)
    await here.until(1, 2)
    assert others.reads == []


async def test_nobody_waits_for_a_lost_one_for_longer_than_the_broker_does(here, others, monkeypatch):
    monkeypatch.setattr(thread_order, "ACK_WAIT", 0.05)
    others.holds(1, "t")
    here.comes(2)
    here.comes(3)
    await here.until(2, 3)


async def test_where_nobody_can_be_asked_nobody_has_a_turn(here, others):
    others.down = True
    with pytest.raises(TryAgain):
        await here.order.wait(2, job(2))
    others.down, others.floor = False, 1
    await here.order.wait(2, job(2))


async def test_a_job_on_a_thread_of_its_own_waits_for_nobody(here, others):
    others.holds(1, "j2")
    await here.order.wait(2, job(2, "j2"))
    assert others.floors == 0


async def test_one_that_is_given_back_while_others_are_looked_for_is_waited_for(here, others):
    others.holds(1, "t")
    here.comes(2)
    await until_true(lambda: others.reads == [1])
    asked = asyncio.Event()

    async def given_back_meanwhile(after, before):
        if not asked.is_set():
            asked.set()
            here.order.pass_by(3)
            here.order.give_back(3, job(3))
        return [place for place in range(after + 1, before) if place not in others.ledger]

    others.unknown = given_back_meanwhile
    await asked.wait()
    others.ledger.add(1)
    here.comes(4)
    await here.until(2)
    await asyncio.sleep(3 * thread_order.PAUSE_SECONDS)
    assert here.turns == [2]
    here.comes(3)
    await here.until(2, 3, 4)


async def test_what_is_remembered_is_bounded(here):
    for place in range(2, 10 * LOOKED_BACK, 2):
        here.order.pass_by(place)
        here.order.pass_by(2)
    assert len(here.order._known) <= 2 * LOOKED_BACK
    assert min(here.order._known) > here.order._known_to
