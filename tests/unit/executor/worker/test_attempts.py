"""Attempts that fail: given back, counted, and at last the end of their job."""

import pytest

from executor.errors import LeaseLost, Rejected, TryAgain
from tests.fakes import completes, fails
from tests.unit.executor.conftest import MAX_ATTEMPTS, SECRET, count, identity

pytestmark = pytest.mark.anyio


async def test_a_failed_attempt_is_given_back_with_a_delay_and_counted(world):
    world.agents.acts["j"] = [fails(ConnectionError(f"with {SECRET}")), completes()]
    journal = await world.process(world.delivery())
    *before, given_back, told = journal
    assert before == [("claim", "j", 1), ("publish", "j:started"), ("release", "j", 1)]
    assert (given_back[:2], 1 <= given_back[2] <= 2) == (("nak", 1), True)
    assert told == ("publish", "j:progress:1")
    assert world.told("j:progress:1")["cause"] == "ConnectionError('with ***')"
    await world.process(world.delivery())
    assert world.told("j:completed")["attempts"] == 2
    assert world.entries == [("attempt", {"attempt": 2}), ("end", {"status": "completed"})]
    assert count(world.journal, "publish", "j:started") == 1


async def test_the_last_attempt_that_fails_ends_the_job(world):
    world.agents.acts["j"] = [fails(ConnectionError(f"no route, {SECRET}"))]
    for _ in range(MAX_ATTEMPTS):
        journal = await world.process(world.delivery())
    error = {"type": "ConnectionError", "message": "no route, ***", "retryable": True, "attempts": MAX_ATTEMPTS}
    assert world.told("j:failed") == {"job_id": "j", "error": error}
    assert world.ledger.rows["j"].outcome.error == error
    assert journal[-1] == ("ack", 1)
    dead = world.broker.stored["j:dlq"]
    assert (dead.subject, dead.headers["Dlq-Attempts"]) == ("agent.dlq.exhausted", "3")
    assert dead.body == world.delivery().body
    assert world.entries[-1] == ("end", {"status": "failed"})


@pytest.mark.parametrize("attempt", [completes(), fails(ConnectionError())])
async def test_a_job_that_lost_every_worker_is_not_run_once_more(world, attempt):
    for _ in range(MAX_ATTEMPTS):
        await world.ledger.claim(identity(world))
        world.ledger.now += 15
    world.agents.acts["j"] = [attempt]
    await world.process(world.delivery())
    assert world.agents.opened == []
    assert world.told("j:failed")["error"] == {
        "type": "worker_lost",
        "message": "its worker died in each of 3 attempts",
        "retryable": True,
        "attempts": MAX_ATTEMPTS,
    }


async def test_a_definition_that_makes_no_graph_fails_at_once(world):
    world.agents.acts["j"] = [Rejected("unknown_tool", "data.agent_definition.nodes[0]: no such tool")]
    journal = await world.process(world.delivery())
    assert [entry for entry in journal if entry[0] in {"finish", "ack", "nak"}] == [
        ("finish", "j", "failed"),
        ("ack", 1),
    ]
    assert world.told("j:failed")["error"]["type"] == "unknown_tool"
    assert world.broker.stored["j:dlq"].subject == "agent.dlq.unknown_tool"


async def test_a_bug_leaves_the_message_to_come_again(world):
    async def broken(_):
        raise ZeroDivisionError

    world.ledger.claim = broken
    assert await world.process(world.delivery()) == []


async def test_an_attempt_whose_release_fails_keeps_its_lease_and_comes_again(world):
    world.agents.acts["j"] = [fails(TryAgain("x"))]
    world.ledger.down = {"release"}
    assert (await world.process(world.delivery()))[-1] == ("nak", 1, 5.0)
    assert world.ledger.rows["j"].lease_until == 15.0


async def test_a_lease_that_was_lost_is_not_talked_about(world):
    world.agents.acts["j"] = [fails(LeaseLost("j"))]
    assert await world.process(world.delivery()) == [("claim", "j", 1), ("publish", "j:started")]
    assert world.entries == []


async def test_a_worker_that_was_overtaken_writes_and_says_nothing(world):
    async def overtaken(_):
        world.ledger.steal("j")
        return await completes()(_)

    world.agents.acts["j"] = [overtaken]
    assert await world.process(world.delivery()) == [("claim", "j", 1), ("publish", "j:started")]
    assert world.ledger.rows["j"].status == "running"
    assert world.entries == []
