"""A stream says once of each job that it ended, whoever was there at its end."""

import asyncio

import pytest

from executor.jobs.outcomes import Outcomes
from executor.worker.orphans import Orphans
from tests.unit.executor.conftest import NATS, until_true

pytestmark = pytest.mark.anyio

END = ("end", {"status": "completed"})


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("executor.worker.stream_ends.UNDER_WAY_SECONDS", 0.01)


async def test_a_finished_job_that_comes_again_does_not_end_twice(world):
    await world.process(world.delivery(), world.delivery())
    assert world.entries.count(END) == 1


async def test_a_finished_job_that_comes_again_ends_where_its_worker_died_before_it_said_so(world):
    await world.process(world.delivery())
    world.stream.entries.clear()
    await world.process(world.delivery())
    assert world.entries == [END]


async def test_a_finished_job_that_comes_again_at_once_does_not_end_twice(world, monkeypatch):
    """Its entry is still on the way when it is looked for."""
    await world.process(world.delivery())
    under_way = list(world.stream.entries)
    world.stream.entries.clear()
    look = world.stream.ended

    async def looked(thread_id, job_id):
        found = await look(thread_id, job_id)
        world.stream.entries[:] = under_way
        return found

    monkeypatch.setattr(world.stream, "ended", looked)
    await world.process(world.delivery())
    assert world.entries.count(END) == 1


async def test_a_stream_that_is_away_keeps_no_message_from_being_acknowledged(world):
    await world.process(world.delivery())
    world.stream.down = True
    assert ("ack", 2) in await world.process(world.delivery(sequence=2))


async def test_a_rejected_job_ends_in_the_stream(world):
    await world.claimed("first")
    rejected = world.delivery("second", 2, thread_id="first", attributes={"multitask": "reject"})
    await world.process(rejected)
    assert world.entries == [("end", {"status": "failed"})]


async def test_a_job_without_worker_and_message_fails_without_a_dead_letter(world):
    await world.claimed("lost", 1)
    outcomes = Outcomes(NATS, "agent-executor", 1_000_000)
    await Orphans(world.broker, world.ledger, world.outbox, outcomes, world.ends).round()
    assert world.told("lost:failed") == {
        "job_id": "lost",
        "error": {
            "type": "worker_lost",
            "message": "its worker died, and its message left the stream before another worker took it",
            "retryable": True,
            "attempts": 1,
        },
    }
    assert list(world.broker.stored) == ["lost:failed"]
    assert world.entries == [("end", {"status": "failed"})]
    assert (await world.ledger.job("lost")).status == "failed"


async def test_the_last_entry_is_written_before_the_message_is_acknowledged(world):
    world.stream.writing.clear()
    processing = asyncio.create_task(world.processor.process(world.delivery()))
    await until_true(lambda: ("mark", "j:completed") in world.journal)
    await asyncio.sleep(0.01)
    assert ("ack", 1) not in world.journal
    world.stream.writing.set()
    await processing
    assert world.journal[-1] == ("ack", 1)


async def test_a_stream_that_is_not_written_delays_no_acknowledgement_for_long(world):
    world.stream.writing.clear()
    began = asyncio.get_running_loop().time()
    await world.process(world.delivery())
    assert world.journal[-1] == ("ack", 1)
    assert asyncio.get_running_loop().time() - began >= 0.2
