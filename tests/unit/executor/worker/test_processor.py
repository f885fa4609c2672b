"""One delivery, answered: finish, publish, ack, in this order, and none of them skipped."""

import asyncio
import json
from datetime import timedelta

import pytest

from executor.errors import Rejected
from executor.jobs.entries import EntryBody
from executor.jobs.events import render_wake
from executor.settings import WorkerSettings
from tests.fakes import EPOCH, FakeDelivery, completes, fails, hangs, interrupts, until
from tests.unit.executor.conftest import SECRET, count, identity, until_true

pytestmark = pytest.mark.anyio

START = ("start", {"attempt": 1})


async def test_a_job_is_claimed_run_finished_published_and_acknowledged_in_this_order(world):
    assert await world.process(world.delivery()) == [
        ("claim", "j", 1),
        ("publish", "j:started"),
        ("finish", "j", "completed"),
        ("publish", "j:completed"),
        ("mark", "j:completed"),
        ("ack", 1),
    ]
    told = world.told("j:completed")
    assert told == {
        "job_id": "j",
        "result": {"output": "done", "final_state": {"messages": []}},
        "attempts": 1,
        "duration_ms": told["duration_ms"],
    }
    assert world.told("j:started") == {"job_id": "j"}
    assert world.entries == [START, ("end", {"status": "completed"})]
    assert len(world.leases) == 0


async def test_a_finished_job_that_comes_again_is_only_acknowledged(world):
    await world.process(world.delivery())
    assert await world.process(world.delivery(sequence=2)) == [("mark",), ("ack", 2)]
    assert world.agents.opened == ["j"]


async def test_a_finished_job_that_comes_again_publishes_only_what_is_not_marked(world):
    world.agents.acts["j"] = [Rejected("unknown_tool", "no such tool")]
    world.ledger.down = {"mark_and_wake"}
    assert (await world.process(world.delivery()))[-1] == ("nak", 1, 5.0)
    world.ledger.down = set()
    world.ledger.outbox["j:dlq"].published = True
    assert await world.process(world.delivery(sequence=2)) == [
        ("publish", "j:failed"),
        ("mark", "j:failed"),
        ("ack", 2),
    ]


@pytest.mark.parametrize("method", ["claim", "mark_and_wake"])
async def test_a_ledger_that_is_away_gives_the_message_back(world, method):
    world.ledger.down = {method}
    assert (await world.process(world.delivery()))[-1] == ("nak", 1, 5.0)
    world.ledger.down = set()
    assert (await world.process(world.delivery(sequence=2)))[-1] == ("ack", 2)
    assert count(world.journal, "finish") == 1
    assert [message.id for message in world.ledger.unmarked()] == []


async def test_a_run_that_ended_waits_for_the_ledger_instead_of_being_thrown_away(world, monkeypatch):
    monkeypatch.setattr("executor.worker.insistence.FIRST_PAUSE", 0.001)
    world.ledger.down = {"finish"}
    processing = asyncio.create_task(world.processor.process(world.delivery()))
    await until_true(lambda: world.agents.opened)
    world.ledger.down = set()
    await processing
    assert world.journal[-1] == ("ack", 1)
    assert world.agents.opened == ["j"]


async def test_a_broker_that_is_away_gives_the_message_back_and_the_outcome_stays_promised(world):
    world.broker.down = True
    journal = await world.process(world.delivery())
    assert journal == [("claim", "j", 1), ("finish", "j", "completed"), ("nak", 1, 5.0)]
    world.broker.down = False
    assert await world.process(world.delivery(sequence=2)) == [
        ("publish", "j:completed"),
        ("mark", "j:completed"),
        ("ack", 2),
    ]


async def test_an_event_that_can_never_be_published_does_not_keep_its_job_from_ending(world):
    world.broker.refused = {"agent.status.completed"}
    assert (await world.process(world.delivery()))[-2:] == [("mark", "j:completed"), ("ack", 1)]


async def test_the_same_id_with_other_content_is_a_dead_letter_and_no_event(world):
    await world.process(world.delivery())
    journal = await world.process(world.delivery(sequence=2, input_payload={"other": 1}))
    assert journal == [("publish", "AGENT_EXECUTION:2:dlq"), ("mark", "AGENT_EXECUTION:2:dlq"), ("ack", 2)]
    dead = world.broker.stored["AGENT_EXECUTION:2:dlq"]
    assert dead.subject == "agent.dlq.conflict"
    assert dead.headers == {
        "X-Own": "kept",
        "Dlq-Reason": "conflict",
        "Dlq-Attempts": "0",
        "Dlq-Subject": "agent.execute.test",
    }
    assert dead.body == world.delivery(input_payload={"other": 1}).body
    assert world.ledger.rows["j"].status == "completed"


async def test_a_job_that_another_worker_has_comes_again_when_its_lease_is_over(world):
    job = await claimed_elsewhere(world)
    assert await world.process(world.delivery()) == [("nak", 1, 15.0)]
    world.ledger.now = 14.9
    assert await world.process(world.delivery()) == [("nak", 1, 0.2)]
    world.ledger.now = 15
    assert (await world.process(world.delivery()))[0] == ("claim", job, 2)


async def claimed_elsewhere(world):
    await world.ledger.claim(identity(world))
    return "j"


async def test_a_job_that_does_not_want_to_wait_for_its_thread_fails(world):
    await world.ledger.claim(identity(world, "other", thread_id="th"))
    await world.process(world.delivery(attributes={"multitask": "reject"}, sequence=2, thread_id="th"))
    assert world.told("j:failed")["error"]["type"] == "thread_busy"
    assert world.journal[-1] == ("ack", 2)


async def test_a_job_that_is_not_due_waits_in_the_ledger_until_it_is(world):
    later = {"notbefore": (EPOCH + timedelta(seconds=60)).isoformat()}
    assert await world.process(world.delivery(attributes=later)) == [("park", "j"), ("ack", 1)]
    assert await world.ledger.wakes() == []
    world.ledger.now = 60
    await world.outbox.wake(await world.ledger.wakes())
    wake = world.broker.stored["j:wake:1"]
    await world.process(FakeDelivery(wake.body, world.journal, wake.headers, sequence=3))
    assert "j:completed" in world.broker.stored


async def test_a_job_whose_time_is_over_fails_without_an_attempt(world):
    over = {"expirytime": (EPOCH - timedelta(seconds=1)).isoformat()}
    await world.process(world.delivery(attributes=over))
    assert world.told("j:failed")["error"]["type"] == "expired"
    assert world.agents.opened == []


async def test_a_wake_up_for_a_job_that_has_ended_publishes_nothing(world):
    await world.process(world.delivery())
    wake = FakeDelivery(render_wake("j", "j:wake:1", "x")[1], world.journal, sequence=9)
    assert await world.process(wake) == [("mark",), ("ack", 9)]
    assert world.entries.count(("end", {"status": "completed"})) == 1


async def test_a_woken_job_whose_worker_died_after_its_outcome_is_told_when_its_wake_up_comes_again(world):
    world.broker.down = True
    await world.process(world.delivery())
    world.broker.down = False
    world.stream.entries.clear()
    wake = FakeDelivery(render_wake("j", "j:wake:1", "x")[1], world.journal, sequence=9)
    assert await world.process(wake) == [("publish", "j:completed"), ("mark", "j:completed"), ("ack", 9)]
    assert world.entries == [("end", {"status": "completed"})]


async def test_a_job_that_is_called_off_is_cancelled(world):
    gate = asyncio.Event()
    world.agents.acts["j"] = [until(gate)]
    working = asyncio.create_task(world.processor.process(world.delivery()))
    await until_true(lambda: world.agents.runs)
    world.leases.cancel("j")
    await working
    assert world.told("j:cancelled") == {"job_id": "j"}
    assert world.entries == [START, ("end", {"status": "cancelled"})]
    assert world.journal[-1] == ("ack", 1)


async def test_a_job_that_was_called_off_before_it_began_is_cancelled(world):
    await world.ledger.claim(identity(world))
    world.ledger.rows["j"].cancelling = True
    world.ledger.now = 15
    await world.process(world.delivery())
    assert (world.agents.opened, world.ledger.rows["j"].status) == ([], "cancelled")


async def test_a_job_that_takes_too_long_fails(world):
    world.agents.acts["j"] = [hangs()]
    world.processor._settings = WorkerSettings.read({"EXECUTOR_JOB_TIMEOUT_SECONDS": "0.01"})
    await world.process(world.delivery())
    assert world.told("j:failed")["error"]["type"] == "timeout"


async def test_a_question_is_an_event_and_not_the_end_of_the_stream(world):
    world.agents.acts["j"] = [interrupts({"value": "sure?", "id": "q"})]
    assert (await world.process(world.delivery()))[-3:] == [
        ("publish", "j:interrupted:q"),
        ("mark", "j:interrupted:q"),
        ("ack", 1),
    ]
    assert world.told("j:interrupted:q") == {"job_id": "j", "interrupts": [{"value": "sure?", "id": "q"}]}
    assert world.entries == [START]


async def test_an_event_that_names_no_job_is_answered_by_its_place_in_the_stream(world):
    delivery = FakeDelivery(b"not json", world.journal, sequence=7)
    assert await world.process(delivery) == [
        ("publish", "AGENT_EXECUTION:7:failed"),
        ("publish", "AGENT_EXECUTION:7:dlq"),
        ("mark", "AGENT_EXECUTION:7:dlq", "AGENT_EXECUTION:7:failed"),
        ("ack", 7),
    ]
    fact = json.loads(world.broker.stored["AGENT_EXECUTION:7:failed"].body)
    assert fact["subject"] == "AGENT_EXECUTION:7"
    assert fact["data"] == {
        "job_id": "AGENT_EXECUTION:7",
        "error": {
            "type": "invalid_event",
            "message": "the event is not a CloudEvent in JSON",
            "retryable": False,
            "attempts": 0,
        },
    }
    assert world.ledger.rows == {}


async def test_an_event_that_names_its_job_fails_it_once(world):
    broken = {"agent_definition": None}
    await world.process(world.delivery(**broken))
    journal = await world.process(world.delivery(sequence=2, **broken))
    assert journal == [("mark",), ("ack", 2)]
    assert world.told("j:failed")["error"]["message"] == "data.agent_definition: must be an object"
    assert world.ledger.rows["j"].status == "failed"


async def test_a_broken_event_does_not_touch_the_job_whose_name_it_bears(world):
    await world.process(world.delivery())
    await world.process(world.delivery(sequence=2, agent_definition=None))
    assert world.broker.stored["AGENT_EXECUTION:2:dlq"].subject == "agent.dlq.conflict"
    assert world.ledger.rows["j"].status == "completed"
    assert "j:failed" not in world.broker.stored


async def test_what_happens_is_told_with_its_attempt_and_without_secrets(world):
    async def chatty(run):
        run.emit(EntryBody("token", "model", {"id": "1", "text": "Hel"}))
        run.emit(EntryBody("node_end", "model", {"id": "1", "error": f"Unauthorized({SECRET})"}, "tools:1"))
        return await completes()(run)

    world.agents.acts["j"] = [fails(ValueError()), chatty]
    await world.process(world.delivery(), world.delivery())
    told = [(entry.thread, entry.job, entry.attempt, entry.ns) for entry in world.stream.entries]
    assert told == [("j", "j", 1, ""), *[("j", "j", 2, "")] * 2, ("j", "j", 2, "tools:1"), ("j", "j", 2, "")]
    assert world.entries[2:4] == [
        ("token", {"id": "1", "text": "Hel"}),
        ("node_end", {"id": "1", "error": "Unauthorized(***)"}),
    ]


async def test_all_is_counted(world):
    world.agents.acts = {"bad": [Rejected("unknown_tool", "x")], "slow": [fails(ValueError()), completes()]}
    for job in ("good", "bad", "slow", "slow"):
        await world.process(world.delivery(job))
    assert world.value("jobs_total", outcome="completed") == 2
    assert world.value("jobs_total", outcome="failed") == 1
    assert world.value("attempts_total") == 4
    assert world.value("retries_total") == 1
    assert world.value("dead_letters_total", reason="unknown_tool") == 1
    assert world.value("running_jobs") == 0
    assert world.value("job_seconds_count") == 2
