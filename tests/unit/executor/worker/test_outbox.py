"""What a commit promised reaches the broker, however often that takes."""

import asyncio

import pytest

from executor.errors import LeaseLost, TryAgain
from executor.jobs.claims import Claim
from executor.jobs.job import Identity, Message, Outcome
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

ONE, OTHER = (Message(f"j:{word}", f"agent.status.{word}", {}, b"{}") for word in ("completed", "extra"))


async def test_messages_are_promised_published_and_marked_in_this_order(world):
    await world.outbox.promise_and_publish([ONE, OTHER])
    assert world.journal == [("publish", ONE.id), ("publish", OTHER.id), ("mark", ONE.id, OTHER.id)]
    assert list(world.ledger.outbox) == [ONE.id, OTHER.id]


async def test_nothing_is_neither_published_nor_marked(world):
    await world.outbox.publish([])
    assert world.journal == []


async def test_what_is_not_published_is_not_marked(world):
    world.broker.down = True
    with pytest.raises(TryAgain):
        await world.outbox.promise_and_publish([ONE])
    assert world.ledger.unmarked() == [ONE]


async def test_what_can_never_be_published_is_marked_with_the_rest(world):
    world.broker.refused = {ONE.subject}
    await world.outbox.promise_and_publish([ONE, OTHER])
    assert world.ledger.unmarked() == []
    assert list(world.broker.stored) == [OTHER.id]


async def test_an_outcome_waits_for_the_ledger(world, monkeypatch):
    monkeypatch.setattr("executor.worker.insistence.FIRST_PAUSE", 0.001)
    claim = await world.ledger.claim(Identity("j", "j", b"", 1))
    world.ledger.down = {"finish"}
    settling = asyncio.create_task(world.outbox.finish(claim, Outcome("completed", None, None, (ONE,))))
    await asyncio.sleep(0.005)
    assert not settling.done()
    world.ledger.down = set()
    await settling
    assert world.ledger.unmarked() == [ONE]


async def test_an_outcome_of_a_job_that_is_anothers_is_not_written(world):
    await world.ledger.claim(Identity("j", "j", b"", 1))
    with pytest.raises(LeaseLost):
        await world.outbox.finish(Claim("j", 7, 1, 0.0, EPOCH), Outcome("completed", None, None, (ONE,)))
    assert world.ledger.unmarked() == []
