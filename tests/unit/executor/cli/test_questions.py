"""What a person is told of a job that asks, and the command that answers it."""

import json
import shlex

from executor.cli.questions import told

APPROVAL = {
    "id": "q",
    "value": {
        "action_requests": [{"name": "write_file", "args": {"file_path": "/note"}}],
        "review_configs": [{"action_name": "write_file", "allowed_decisions": ["approve", "reject"]}],
    },
}


def job(*interrupts, **more):
    return {"job_id": "order's", "status": "interrupted", "result": {"interrupts": list(interrupts), **more}}


def answer_of(lines):
    """The last line as a shell splits it."""
    return shlex.split(lines[-1])


def test_an_approval_is_told_with_what_it_is_about_and_an_answer_to_copy():
    lines = list(told(job(APPROVAL)))
    assert lines[:-1] == [
        "It asks:",
        '  may write_file({"file_path": "/note"}) be called? approve or reject',
        "Answer with",
    ]
    *command, answer = answer_of(lines)
    assert command == ["agent-executor", "jobs", "resume", "order's"]
    assert json.loads(answer) == {"decisions": [{"type": "approve"}]}


def test_several_questions_are_answered_by_their_ids():
    lines = list(told(job(APPROVAL, {"id": "r", "value": "when?"})))
    assert lines[0:4:2] == ["It asks, as q:", "It asks, as r:"]
    assert json.loads(answer_of(lines)[-1]) == {"q": {"decisions": [{"type": "approve"}]}, "r": "YOUR ANSWER"}


def test_what_was_wrong_with_the_last_answer_is_said_first():
    lines = list(told(job({"id": "r", "value": "when?"}, error={"type": "ValueError", "message": "no date"})))
    assert lines[:3] == ["The answer was not taken: no date", "It asks:", "  when?"]


def test_a_long_question_is_cut():
    lines = list(told(job({"id": "r", "value": "x" * 1000})))
    assert lines[1] == f"  {'x' * 300}..."


def test_the_answer_to_a_wait_is_told_alike_and_a_job_that_asks_nothing_is_not():
    waited = {"job_id": "order's", "status": "interrupted", "interrupts": [APPROVAL]}
    assert list(told(waited)) == list(told(job(APPROVAL)))
    assert list(told({"job_id": "j", "result": {"output": "x"}, "attempts": 1, "duration_ms": 1})) == []
    assert list(told({"job_id": "j", "status": "running", "result": None})) == []
