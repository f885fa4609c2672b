"""The worker: takes when a slot is free, stops when it is told to."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from executor.worker import worker as module
from tests.fakes import completes, hangs, until, until_drained
from tests.unit.executor.conftest import until_true

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def working(world, **tuning):
    """The worker runs; at the end it is told to stop, and has stopped."""
    stop = asyncio.Event()
    running = asyncio.create_task(world.worker(**tuning).run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


def acks(world):
    return [entry[1] for entry in world.journal if entry[0] == "ack"]


async def test_every_job_of_the_row_is_worked_on(world):
    world.deliver("a", "b", "c")
    async with working(world):
        await until_true(lambda: len(acks(world)) == 3)
    assert {row.status for row in world.ledger.rows.values()} == {"completed"}


async def test_no_more_jobs_are_taken_than_there_are_slots(world):
    gate = asyncio.Event()
    world.agents.acts = {job: [until(gate)] for job in "abcd"}
    world.deliver(*"abcd")
    async with working(world, concurrency=2):
        await until_true(lambda: len(world.agents.runs) == 2)
        await asyncio.sleep(0.01)
        assert (len(world.broker.waiting), world.broker.takes, world.value("running_jobs")) == (2, 2, 2)
        gate.set()
        await until_true(lambda: len(acks(world)) == 4)


async def test_an_idle_worker_stops_at_once(world):
    began = time.monotonic()
    async with working(world, drain_seconds=60):
        await until_true(lambda: world.broker.takes)
    assert time.monotonic() - began < 1


async def test_a_full_worker_stops_without_taking_once_more(world):
    world.agents.acts = {"a": [until_drained()]}
    world.deliver("a", "b")
    async with working(world, concurrency=1, drain_seconds=60):
        await until_true(lambda: world.agents.runs)
    assert world.broker.takes == 1
    assert [delivery.sequence for delivery in world.broker.waiting] == [2]


async def test_a_stop_gives_jobs_back_without_counting_the_attempt(world):
    world.agents.acts = {"a": [until_drained(), completes()]}
    world.deliver("a")
    async with working(world, drain_seconds=60):
        await until_true(lambda: world.agents.runs)
    assert world.journal[-2:] == [("release", "a", 0), ("nak", 1, 0.0)]
    assert (await world.process(world.delivery("a")))[0] == ("claim", "a", 1)
    assert world.told("a:completed")["attempts"] == 1


async def test_a_step_that_outlasts_the_grace_is_given_back_too(world):
    world.agents.acts = {"a": [hangs()]}
    world.deliver("a")
    async with working(world, drain_seconds=0.01):
        await until_true(lambda: world.agents.runs)
    assert world.journal[-2:] == [("release", "a", 0), ("nak", 1, 0.0)]


async def test_a_job_that_ends_within_the_grace_is_done(world):
    gate = asyncio.Event()

    async def last_step(_):
        await gate.wait()
        return await completes()(_)

    world.agents.acts = {"a": [last_step]}
    world.deliver("a")
    async with working(world, drain_seconds=60) as stop:
        await until_true(lambda: world.agents.runs)
        stop.set()
        gate.set()
    assert world.journal[-1] == ("ack", 1)


async def test_who_cannot_hand_over_is_left_behind(world, monkeypatch):
    monkeypatch.setattr(module, "HANDOVER_SECONDS", 0.01)
    world.ledger.down = {"finish"}
    world.deliver("a")
    async with working(world, drain_seconds=0.01):
        await until_true(lambda: world.agents.runs)
    assert acks(world) == []


async def test_a_message_that_arrives_with_the_stop_is_given_back_untouched(world):
    stop = asyncio.Event()

    async def take():
        stop.set()
        return world.delivery("a")

    world.broker.take = take
    await asyncio.wait_for(world.worker().run(stop), 10)
    assert set(world.journal) == {("nak", 1, 0.0)}  # each of its takers has taken one


async def test_a_broker_that_is_away_is_asked_again_after_a_pause(world, monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    world.broker.down = True
    world.deliver("a")
    async with working(world):
        await until_true(lambda: world.broker.takes >= 2)
        world.broker.down = False
        await until_true(lambda: acks(world))


async def test_a_worker_whose_broker_is_away_stops_at_once(world):
    world.broker.down = True
    began = time.monotonic()
    async with working(world):
        await until_true(lambda: world.broker.takes)
    assert time.monotonic() - began < 1


async def test_a_bug_in_the_broker_ends_the_worker_and_its_heartbeat(world):
    async def take():
        raise ZeroDivisionError

    world.broker.take = take
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(world.worker().run(asyncio.Event()), 10)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() in {"heartbeat", "drain"}] == []
