"""How a job ends, in full."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from executor.jobs.answers import Question
from executor.jobs.claims import Claim
from executor.jobs.job import Completed, Interrupted, JobRequest, Message, Origin, Outcome
from executor.jobs.outcomes import LONGEST_MESSAGE, Outcomes
from executor.jobs.verdict import Failure
from executor.settings import NatsSettings
from executor.values import dumps

NATS = NatsSettings.read(
    {
        "NATS_URL": "nats://nats:4222",
        "NATS_STREAM_NAME": "AGENT_EXECUTION",
        "NATS_CONSUMER_GROUP": "workers",
        "EXECUTOR_SUBJECT_PREFIX": "crew",
    }
)
LIMIT = 4000
OUTCOMES = Outcomes(NATS, "agent-executor", LIMIT)
JOB = JobRequest("j/1", "th", {}, {}, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
CLAIM = Claim("j/1", epoch=3, attempt=1, elapsed=0.0, at=datetime(2026, 1, 1, tzinfo=UTC), total=2)
LAST = replace(CLAIM, total=5)
CAUSE = Failure("exhausted", "RateLimitError", "too fast", retryable=True)
ORIGIN = Origin("AGENT_EXECUTION:7", "crew.execute.demo", {"content-type": "application/json", "X-Own": "ä"}, b"{}\xff")


def event(message: Message):
    found = json.loads(message.body)
    assert found.pop("time")
    return found


def told(word, data, **more):
    return {
        "specversion": "1.0",
        "id": f"j%2F1:{word}",
        "source": "agent-executor",
        "type": f"io.bizmatters.agent.{word}",
        "subject": "j/1",
        "datacontenttype": "application/json",
        "traceparent": JOB.traceparent,
        "data": data,
        **more,
    }


def test_started_is_said_with_the_jobs_id():
    message = OUTCOMES.started(JOB)
    assert (message.id, message.subject) == ("j%2F1:started", "crew.status.started")
    assert event(message) == told("started", {"job_id": "j/1"})


def test_completed_holds_the_result_in_the_ledger_and_in_the_event():
    result = {"output": "done", "final_state": {"messages": []}}
    outcome = OUTCOMES.ended(JOB, CLAIM, Completed("done", {"messages": []}), seconds=1.2345)
    assert outcome == Outcome("completed", outcome.result, None, outcome.messages, 1234)
    assert json.loads(dumps(outcome.result)) == result
    [message] = outcome.messages
    assert (message.id, message.subject) == ("j%2F1:completed", "crew.status.completed")
    assert event(message) == told("completed", {"job_id": "j/1", "result": result, "attempts": 2, "duration_ms": 1234})


def test_interrupted_holds_the_questions():
    question = {"value": "sure?", "id": "q"}
    outcome = OUTCOMES.ended(JOB, CLAIM, Interrupted([question]), seconds=1)
    asked = {"interrupts": [question]}
    told_of = (Question("q", 1, asked=question),)
    assert outcome == Outcome("interrupted", asked, None, outcome.messages, questions=told_of)
    assert event(outcome.messages[0]) == told(
        "interrupted", {"job_id": "j/1", "interrupts": [{"value": "sure?", "id": "q"}]}, id="j%2F1:interrupted:q"
    )


def test_the_same_question_asked_again_is_a_fact_of_its_own_with_its_turn_and_what_was_wrong():
    question, error = {"value": "sure?", "id": "q"}, {"type": "ValueError", "message": "no date"}
    claim = replace(CLAIM, questions=(Question("q", 1, answered=True, answer="x"), Question("p", 1)))
    outcome = OUTCOMES.ended(JOB, claim, Interrupted([question], error), seconds=1)
    assert outcome.result == {"interrupts": [question], "error": error}
    assert outcome.questions == (Question("q", 2, asked=question),)
    assert event(outcome.messages[0]) == told(
        "interrupted", {"job_id": "j/1", "interrupts": [question], "error": error}, id="j%2F1:interrupted:q:2"
    )


def test_of_several_questions_each_that_is_asked_again_makes_a_fact_of_its_own():
    asked = [{"value": "sure?", "id": name} for name in "pq"]
    ids = []
    for turns in ((1, 1), (2, 1), (2, 2), (3, 2)):
        claim = replace(CLAIM, questions=tuple(map(Question, "pq", turns)))
        ids.append(OUTCOMES.ended(JOB, claim, Interrupted(asked), seconds=1).messages[0].id)
    assert ids == [f"j%2F1:interrupted:p,q{turn}" for turn in ("", ":2", ":3", ":4")]


def test_a_question_that_is_still_open_keeps_its_turn():
    claim = replace(CLAIM, questions=(Question("q", 3),))
    outcome = OUTCOMES.ended(JOB, claim, Interrupted([{"value": "sure?", "id": "q"}]), seconds=1)
    assert outcome.questions == (Question("q", 3, asked={"value": "sure?", "id": "q"}),)


def test_failed_is_an_event_and_a_dead_letter():
    outcome = OUTCOMES.failed(JOB, ORIGIN, CAUSE, LAST)
    error = {"type": "RateLimitError", "message": "too fast", "retryable": True, "attempts": 5}
    assert outcome == Outcome("failed", None, error, outcome.messages)
    failed, dead = outcome.messages
    assert event(failed) == told("failed", {"job_id": "j/1", "error": error})
    assert dead == OUTCOMES.dead_letter("j/1", ORIGIN, "exhausted", 5)


def test_a_dead_letter_is_the_original_with_the_reason_beside_it():
    origin = Origin(
        "AGENT_EXECUTION:7",
        "crew.execute.demo",
        {
            "content-type": "application/json",
            "X-Own": "ä",
            "Nats-Msg-Id": "first",
            "nats-expected-last-sequence": "6",
            "X/Slash": "no client may send this name",
        },
        b"{}\xff",
    )
    assert OUTCOMES.dead_letter("AGENT_EXECUTION:7", origin, "conflict", 0) == Message(
        "AGENT_EXECUTION:7:dlq",
        "crew.dlq.conflict",
        {
            "content-type": "application/json",
            "X-Own": "ä",
            "Dlq-Reason": "conflict",
            "Dlq-Attempts": "0",
            "Dlq-Subject": "crew.execute.demo",
        },
        b"{}\xff",
    )


def test_a_result_that_is_too_large_stays_in_the_ledger_and_is_referred_to():
    state = {"messages": ["x" * LIMIT]}
    outcome = OUTCOMES.ended(JOB, CLAIM, Completed("done", state), seconds=1)
    assert json.loads(dumps(outcome.result)) == {"output": "done", "final_state": state}
    assert event(outcome.messages[0]) == told(
        "completed", {"job_id": "j/1", "attempts": 2, "duration_ms": 1000}, dataref="/jobs/j%2F1"
    )


def test_an_error_that_is_too_large_is_whole_in_the_ledger_and_shortened_in_the_event():
    outcome = OUTCOMES.failed(JOB, ORIGIN, Failure("exhausted", "E", "x" * LIMIT, retryable=True), LAST)
    error = {"type": "E", "message": "x" * LIMIT, "retryable": True, "attempts": 5}
    assert outcome.error == error
    assert event(outcome.messages[0]) == told(
        "failed", {"job_id": "j/1", "error": error | {"message": "x" * LONGEST_MESSAGE}}, dataref="/jobs/j%2F1"
    )


@pytest.mark.parametrize("length", [0, LIMIT - 600, LIMIT, LIMIT + 1, 100 * LIMIT])
def test_no_event_is_larger_than_the_broker_takes(length):
    outcomes = [
        OUTCOMES.ended(JOB, CLAIM, Completed("x" * length, {"messages": ["x" * length]}), 1),
        OUTCOMES.ended(JOB, CLAIM, Interrupted([{"value": "x" * length, "id": "q"}]), 1),
        OUTCOMES.failed(JOB, ORIGIN, Failure("exhausted", "E", "x" * length, retryable=True), CLAIM),
    ]
    assert [len(outcome.messages[0].body) <= LIMIT for outcome in outcomes] == [True] * 3


@pytest.mark.parametrize("job_id", ["AGENT_EXECUTION:7", "a:completed", "ä/ö"])
def test_ids_of_events_and_dead_letters_differ(job_id):
    outcome = OUTCOMES.failed(JobRequest(job_id, "t", {}, {}), ORIGIN, CAUSE, CLAIM)
    assert len({message.id for message in outcome.messages}) == 2
