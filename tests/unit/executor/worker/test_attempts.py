"""Attempts that fail: given back, counted, and at last the end of their job."""

import asyncio

import pytest

from executor.errors import GateClosed, LeaseLost, Rejected, TryAgain
from tests.fakes import completes, fails, interrupts
from tests.unit.executor.conftest import MAX_ATTEMPTS, SECRET, count, identity, until_true

pytestmark = pytest.mark.anyio

START = ("start", {"attempt": 1})


async def test_a_failed_attempt_is_given_back_with_a_delay_and_counted(world):
    world.agents.acts["j"] = [fails(ValueError(f"with {SECRET}")), completes()]
    journal = await world.process(world.delivery())
    *before, given_back, told = journal
    assert before == [("claim", "j", 1), ("publish", "j:started"), ("release", "j", 1)]
    assert (given_back[:2], 1 <= given_back[2] <= 2) == (("nak", 1), True)
    assert told == ("publish", "j:progress:1")
    assert world.told("j:progress:1")["cause"] == "ValueError('with ***')"
    await world.process(world.delivery())
    assert world.told("j:completed")["attempts"] == 2
    assert world.entries == [START, ("attempt", {"attempt": 2}), ("end", {"status": "completed"})]
    assert count(world.journal, "publish", "j:started") == 1


async def test_the_last_attempt_that_fails_ends_the_job(world):
    world.agents.acts["j"] = [fails(ValueError(f"no route, {SECRET}"))]
    for _ in range(MAX_ATTEMPTS):
        journal = await world.process(world.delivery())
    error = {"type": "ValueError", "message": "no route, ***", "retryable": True, "attempts": MAX_ATTEMPTS}
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


@pytest.mark.parametrize("method", ["tally", "release", "postpone"])
async def test_what_follows_from_an_attempt_is_written_once_the_ledger_is_there(world, method, monkeypatch):
    monkeypatch.setattr("executor.worker.insistence.FIRST_PAUSE", 0.001)
    world.agents.acts["j"] = [fails(TryAgain("x") if method == "postpone" else ValueError())]
    world.ledger.down = {method}
    processing = asyncio.create_task(world.process(world.delivery()))
    await until_true(lambda: world.agents.runs)
    await asyncio.sleep(0.01)
    assert not processing.done()
    world.ledger.down = set()
    await processing
    assert world.ledger.rows["j"].lease_until == 0.0


async def test_what_the_world_spoils_is_parked_in_the_ledger_and_no_attempt_of_its_step(world):
    world.agents.acts["j"] = [fails(ConnectionError("reset")), completes()]
    assert (await world.process(world.delivery()))[2:] == [
        ("postpone", "j", 1.0, None),
        ("ack", 1),
        ("publish", "j:progress:1"),
    ]
    assert (world.ledger.rows["j"].status, world.ledger.rows["j"].attempts) == ("parked", 0)
    await world.process(world.delivery())
    assert world.told("j:completed")["attempts"] == 2


async def test_a_closed_gate_is_waited_for_without_a_word(world):
    world.agents.acts["j"] = [fails(GateClosed("openai gpt", 30.0, "RateLimitError"))]
    assert (await world.process(world.delivery()))[2:] == [("postpone", "j", 30.0, "openai gpt"), ("ack", 1)]


async def test_an_answer_that_the_graphs_own_code_cannot_take_brings_its_question_back(world):
    question = {"value": "when?", "id": "q"}

    async def takes_an_answer(run):
        run.is_answer, run.questions = True, [question]
        raise ValueError(f"no date, {SECRET}")

    world.agents.acts["j"] = [takes_an_answer]
    assert (await world.process(world.delivery()))[2:] == [
        ("finish", "j", "interrupted"),
        ("publish", "j:interrupted:q"),
        ("mark", "j:interrupted:q"),
        ("ack", 1),
    ]
    error = {"type": "ValueError", "message": "no date, ***"}
    assert world.told("j:interrupted:q") == {"job_id": "j", "interrupts": [question], "error": error}


async def test_a_job_that_was_answered_while_it_ran_goes_on_at_once(world):
    async def is_answered_meanwhile(run):
        world.ledger.rows["j"].answered = True
        return await interrupts({"value": "sure?", "id": "q"})(run)

    world.agents.acts["j"] = [is_answered_meanwhile]
    assert (await world.process(world.delivery()))[-1] == ("nak", 1, 0.0)


async def test_a_lease_that_was_lost_is_not_talked_about(world):
    world.agents.acts["j"] = [fails(LeaseLost("j"))]
    assert await world.process(world.delivery()) == [("claim", "j", 1), ("publish", "j:started")]
    assert world.entries == [START]


async def test_a_worker_that_was_overtaken_writes_and_says_nothing(world):
    async def overtaken(_):
        world.ledger.steal("j")
        return await completes()(_)

    world.agents.acts["j"] = [overtaken]
    assert await world.process(world.delivery()) == [("claim", "j", 1), ("publish", "j:started")]
    assert world.ledger.rows["j"].status == "running"
    assert world.entries == [START]
