"""The next job of a thread is worked on under the delivery of the one before it."""

import asyncio

import pytest

from executor.worker.processor import IN_A_ROW
from tests.fakes import FakeDelivery, completes, hangs, until
from tests.unit.executor.conftest import count, until_true

pytestmark = pytest.mark.anyio


@pytest.fixture
def gate(world):
    """What the first job waits for."""
    opened = asyncio.Event()
    world.agents.acts["j0"] = [until(opened)]
    return opened


async def works_with_others_behind(world, others):
    """A task that works on j0, with so many parked for its thread."""
    working = asyncio.create_task(world.processor.process(world.delivery("j0", 1, thread_id="t")))
    await until_true(lambda: world.agents.runs)
    for number in range(1, others + 1):
        journal = await world.process(world.delivery(f"j{number}", number + 1, thread_id="t"))
        assert journal[-2:] == [("park", f"j{number}"), ("ack", number + 1)]
    return working


def ended(world):
    return [entry[1] for entry in world.journal if entry[0] == "finish"]


async def test_the_next_of_the_thread_is_claimed_before_the_delivery_is_acknowledged(world, gate):
    working = await works_with_others_behind(world, 2)
    gate.set()
    await working
    assert ended(world) == ["j0", "j1", "j2"]
    assert count(world.journal, "ack", 1) == 1
    assert world.journal[-1] == ("ack", 1)
    assert [name for name in world.broker.stored if "wake" in name] == []


async def test_while_places_are_free_a_thread_goes_on(world, gate):
    working = await works_with_others_behind(world, 2 * IN_A_ROW)
    gate.set()
    await working
    assert len(ended(world)) == 2 * IN_A_ROW + 1


async def test_where_others_want_the_place_a_thread_stands_in_line_again_after_some(world, gate):
    world.processor._is_others_turn = lambda turns: turns >= IN_A_ROW
    working = await works_with_others_behind(world, IN_A_ROW)
    gate.set()
    await working
    last = f"j{IN_A_ROW}"
    assert ended(world) == [f"j{number}" for number in range(IN_A_ROW)]
    assert world.journal[-2:] == [("publish", f"{last}:wake:1"), ("ack", 1)]
    wake = world.broker.stored[f"{last}:wake:1"]
    assert wake.subject == "agent.execute.wake"
    woken = FakeDelivery(wake.body, world.journal, wake.headers, sequence=99, subject=wake.subject)
    assert (await world.process(woken))[-1] == ("ack", 99)
    assert world.told(f"{last}:completed")["result"]["output"] == "done"


@pytest.mark.parametrize(
    ("turns", "others", "draining", "theirs"),
    [
        (IN_A_ROW - 1, 4, False, False),
        (IN_A_ROW, 3, False, False),
        (IN_A_ROW, 4, False, True),
        (1, 0, True, True),
    ],
)
async def test_whose_turn_it_is(world, turns, others, draining, theirs):
    """A worker has five places; one of them is that of the thread."""
    world.leases._held = set(range(others))
    world.leases.is_draining = draining
    assert world.processor._is_others_turn(turns) is theirs


async def test_a_worker_that_drains_leaves_the_next_to_others(world, gate):
    working = await works_with_others_behind(world, 1)
    world.leases.is_draining = True
    gate.set()
    await working
    assert ended(world) == ["j0"]
    assert world.journal[-2:] == [("publish", "j1:wake:1"), ("ack", 1)]


async def test_a_delivery_that_comes_again_goes_on_with_the_job_that_it_stood_for(world, gate):
    """Its worker died with the second job; the first has ended."""
    world.agents.acts["j1"] = [hangs(), completes()]
    working = await works_with_others_behind(world, 1)
    gate.set()
    await until_true(lambda: world.agents.opened == ["j0", "j1"])
    working.cancel()
    await asyncio.wait([working])
    assert await world.process(world.delivery("j0", 1, thread_id="t")) == [("mark",), ("nak", 1, 15.0)]
    world.ledger.now += 15
    journal = await world.process(world.delivery("j0", 1, thread_id="t"))
    assert ("claim", "j1", 2) in journal
    assert journal[-1] == ("ack", 1)
    assert ended(world) == ["j0", "j1"]


async def test_a_delivery_of_an_ended_job_is_done_with_where_its_thread_needs_nobody(world):
    await world.process(world.delivery("j0", 1, thread_id="t"))
    assert (await world.process(world.delivery("j0", 1, thread_id="t")))[-1] == ("ack", 1)
