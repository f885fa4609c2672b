"""The jobs that a process holds: renewed together, given up together."""

import asyncio

import pytest

from executor.errors import Cancelled, Drained, LeaseLost, Rejected
from executor.jobs.job import Completed
from executor.worker import leases as module
from tests.fakes import FakeRun, completes, deaf, fails, hangs, until, until_drained
from tests.unit.executor.conftest import until_true

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.001)


@pytest.fixture
async def beating(world):
    task = asyncio.create_task(world.leases.beat())
    yield
    task.cancel()
    await asyncio.wait([task])


def run(act):
    """What `finish` is given: a run of that act, and hours."""
    return FakeRun(act, lambda _: None), 3600


@pytest.mark.usefixtures("beating")
async def test_the_lease_and_the_message_are_kept_while_the_job_runs(world):
    gate = asyncio.Event()
    held = await world.claimed()
    world.ledger.now = 10
    with world.leases.hold(held):
        running = asyncio.create_task(held.finish(*run(until(gate))))
        await until_true(lambda: ("in progress", 1) in world.journal)
        assert world.ledger.rows["j"].lease_until == 25
        gate.set()
        assert await running == Completed("done", {})
    assert len(world.leases) == 0


@pytest.mark.usefixtures("beating")
async def test_a_lost_lease_ends_its_run_and_no_other(world):
    gate = asyncio.Event()
    one, other = await world.claimed("lost", 1), await world.claimed("kept", 2)
    with world.leases.hold(one), world.leases.hold(other):
        going = asyncio.create_task(other.finish(*run(until(gate))))
        world.ledger.steal("lost")
        with pytest.raises(LeaseLost):
            await one.finish(*run(hangs()))
        gate.set()
        await going


@pytest.mark.usefixtures("beating")
async def test_a_ledger_that_is_away_costs_nobody_the_lease(world):
    gate = asyncio.Event()
    held = await world.claimed()
    world.ledger.down = {"renew"}
    with world.leases.hold(held):
        running = asyncio.create_task(held.finish(*run(until(gate))))
        await until_true(lambda: ("in progress", 1) in world.journal)
        gate.set()
        assert await running == Completed("done", {})


@pytest.mark.usefixtures("beating")
async def test_a_job_whose_outcome_is_written_keeps_its_message_only(world):
    held = await world.claimed()
    world.ledger.steal("j")
    with world.leases.hold(held):
        held.ended = True
        await until_true(lambda: ("in progress", 1) in world.journal)
        assert held.why is None


async def test_a_drain_lets_the_step_end(world):
    gate = asyncio.Event()
    held = await world.claimed()
    with world.leases.hold(held):
        running = asyncio.create_task(held.finish(*run(until(gate))))
        draining = asyncio.create_task(world.leases.drain(60))
        await asyncio.sleep(0.005)
        assert not running.done()
        gate.set()
        with pytest.raises(Drained):
            await running
        draining.cancel()


async def test_a_step_that_outlasts_the_grace_is_ended(world):
    held = await world.claimed()
    with world.leases.hold(held):
        draining = asyncio.create_task(world.leases.drain(0.001))
        with pytest.raises(Drained):
            await held.finish(*run(hangs()))
        await draining


async def test_a_job_that_is_claimed_while_draining_does_not_begin_a_step(world):
    await world.leases.drain(0)
    held = await world.claimed()
    with world.leases.hold(held), pytest.raises(Drained):
        await held.finish(*run(until_drained()))


async def test_a_job_that_is_only_about_to_run_when_the_drain_begins_stops_too(world):
    held = await world.claimed()
    with world.leases.hold(held):
        await world.leases.drain(0)
        with pytest.raises(Drained):
            await held.finish(*run(until_drained()))


async def test_a_step_that_swallows_its_end_still_counts_as_ended(world):
    held = await world.claimed()
    with world.leases.hold(held):
        draining = asyncio.create_task(world.leases.drain(0.001))
        assert await held.finish(*run(deaf())) == Completed("after all", {})
        await draining


async def test_who_waits_for_a_run_and_is_cancelled_ends_it(world):
    held = await world.claimed()
    with world.leases.hold(held):
        waiting = asyncio.create_task(held.finish(*run(hangs())))
        await until_true(lambda: held.task)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait([held.task])
        assert held.task.cancelled()


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y")])
async def test_whatever_a_run_raises_is_raised(world, error):
    held = await world.claimed()
    with world.leases.hold(held), pytest.raises(type(error)):
        await held.finish(*run(fails(error)))
    assert len(world.leases) == 0


async def test_a_run_that_ends_is_its_result(world):
    held = await world.claimed()
    with world.leases.hold(held):
        assert await held.finish(*run(completes("x"))) == Completed("x", {"messages": []})


async def test_a_job_that_is_called_off_ends_and_no_other(world):
    gate = asyncio.Event()
    one, other = await world.claimed("one", 1), await world.claimed("other", 2)
    with world.leases.hold(one), world.leases.hold(other):
        going = asyncio.create_task(other.finish(*run(until(gate))))
        ending = asyncio.create_task(one.finish(*run(hangs())))
        await asyncio.sleep(0.001)
        world.leases.cancel("one")
        with pytest.raises(Cancelled):
            await ending
        gate.set()
        await going


@pytest.mark.usefixtures("beating")
async def test_a_heartbeat_learns_that_a_job_is_called_off(world):
    held = await world.claimed()
    with world.leases.hold(held):
        world.ledger.rows["j"].cancelling = True
        with pytest.raises(Cancelled):
            await held.finish(*run(hangs()))


async def test_a_job_has_so_many_seconds(world):
    held = await world.claimed()
    with world.leases.hold(held), pytest.raises(Rejected, match="took longer than 0 s"):
        await held.finish(run(hangs())[0], 0.01)
