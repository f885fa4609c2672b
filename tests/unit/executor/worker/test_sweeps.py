"""One process sweeps for all, and whoever comes first does."""

import asyncio
from datetime import timedelta

import pytest

from executor.errors import LeaseLost, TryAgain
from executor.jobs.claims import Applicant
from executor.jobs.job import Identity, Message, Origin
from executor.worker.left_behind import LeftBehind
from executor.worker.sweeps import BATCH, LEASED, Sweep, keep_sweeping, take_turn
from tests.fakes import EPOCH
from tests.unit.executor.conftest import until_true

pytestmark = pytest.mark.anyio

SECONDS = 2.0
SAID = Message("j:completed", "agent.status.completed", {}, b"{}")


def doing(*batches):
    """A sweep whose batches say in turn whether there is more, and the list of those that were done."""
    left, done = list(batches), []

    async def act():
        done.append(left[0])
        return left.pop(0)

    return Sweep("s", SECONDS, act), done


async def test_of_two_who_come_one_sweeps_and_the_other_when_the_lease_has_run_out(world):
    sweep, done = doing(False, False)
    assert [await take_turn(sweep, world.ledger) for _ in range(2)] == [SECONDS, SECONDS]
    assert done == [False]
    world.ledger.now += SECONDS * LEASED
    assert await take_turn(sweep, world.ledger) == SECONDS
    assert done == [False, False]


async def test_who_swept_finds_its_lease_run_out_when_it_comes_again(world):
    sweep, done = doing(False, False)
    world.ledger.now += await take_turn(sweep, world.ledger)
    await take_turn(sweep, world.ledger)
    assert len(done) == 2


async def test_there_is_no_pause_while_there_is_more(world):
    sweep, done = doing(True, True, False)
    assert await take_turn(sweep, world.ledger) == SECONDS
    assert done == [True, True, False]


async def test_a_lease_is_taken_anew_when_it_runs_out_before_all_is_done(world):
    endless = Sweep("s", 0.001, lambda: asyncio.sleep(0, result=True))
    assert await take_turn(endless, world.ledger) == 0.0


@pytest.mark.parametrize("error", [TryAgain("away"), LeaseLost("j")])
async def test_who_fails_leaves_the_next_turn_to_the_others(world, error):
    async def fail():
        raise error

    assert await take_turn(Sweep("s", SECONDS, fail), world.ledger) == 2 * SECONDS


async def test_a_ledger_that_is_away_does_not_end_the_sweeping(world):
    sweep, done = doing(*[False] * 9)
    world.ledger.down = {"take"}
    sweeping = asyncio.create_task(keep_sweeping(Sweep("s", 0.001, sweep.act), world.ledger))
    await asyncio.sleep(0.005)
    assert done == []
    world.ledger.down = set()
    await until_true(lambda: bool(done))
    sweeping.cancel()


def left_behind(world):
    return LeftBehind(world.ledger, world.outbox)


async def park(world, *names):
    for place, name in enumerate(names, 1):
        identity = Identity(name, "thread", b"", place)
        origin = Origin(name, "agent.execute.test", {}, b"")
        await world.ledger.park([Applicant(identity, origin, EPOCH + timedelta(seconds=1))])


async def test_what_somebody_left_behind_is_published_once_and_who_is_due_is_woken(world):
    await world.ledger.promise([SAID])
    await park(world, "a")
    assert await left_behind(world).pick_up() is False
    assert list(world.broker.stored) == [SAID.id]
    world.ledger.now += 1
    assert await left_behind(world).pick_up() is False
    assert list(world.broker.stored) == [SAID.id, "a:wake:1"]
    assert world.ledger.unmarked() == []


async def test_a_full_batch_is_followed_by_the_next_at_once(world):
    await park(world, *(f"j{n}" for n in range(BATCH)))
    world.ledger.now += 1
    assert await left_behind(world).pick_up() is True


async def test_whom_the_broker_cannot_be_told_of_ends_the_turn(world):
    await park(world, "a")
    world.ledger.now += 1
    world.broker.down = True
    sweep = left_behind(world).sweeps()[0]
    assert await take_turn(sweep, world.ledger) == 2 * sweep.seconds


async def test_who_waits_for_a_free_thread_is_found_in_time_without_anything_that_tells_of_it(world):
    identity = Identity("a", "thread", b"", 1)
    await world.ledger.park([Applicant(identity, Origin("a", "agent.execute.test", {}, b""))])
    assert await left_behind(world).look_for_forgotten() is False
    assert list(world.broker.stored) == ["a:wake:1"]
