"""`agent-executor watch`."""

import json

import pytest

from executor.cli.lanes import Lanes
from tests.unit.executor.cli.conftest import Answer, a_job
from tests.unit.executor.cli.test_submit import as_stream, entry

EVENTS = "GET /jobs/order%201/events"
FIRST, SECOND = "tools:1", "tools:2"


def token(text, ns=""):
    return entry("token", {"id": "m", "text": text}, ns=ns)


def told(*entries):
    lanes = Lanes()
    return "".join(lanes.told(each) for each in entries)


def test_the_roots_tokens_come_as_they_are_and_all_else_in_lines():
    call = entry("tool_call", {"id": "c", "name": "look", "args": {"where": "ö"}})
    answer = entry("tool_result", {"id": "c", "name": "look", "status": "success", "content": "there"})
    assert told(token("Let "), token("me."), entry("message", {}), call, answer, token("Done.\n"), call) == (
        'Let me.\n→ look({"where": "ö"})\n← look: there\nDone.\n→ look({"where": "ö"})\n'
    )


def test_subagents_that_run_at_once_have_a_lane_each():
    assert told(
        token("I ask."),
        token("Sea ", FIRST),
        token("Land ", SECOND),
        token("is calm.\nVery", FIRST),
        token("is dry.", SECOND),
        entry("tool_call", {"id": "c", "name": "look", "args": {}}, ns=SECOND),
        token("rest", f"{FIRST}|model:3"),
        entry("end", {"status": "completed"}),
    ).splitlines() == [
        "I ask.",
        "tools | Sea is calm.",
        "tools 2 | Land is dry.",
        "tools 2 | → look({})",
        "tools | Very",
        "tools/model | rest",
        "completed",
    ]


def test_entries_of_earlier_images_have_no_namespace_and_unknown_ones_say_nothing():
    old = {"job": "j", "attempt": 1, "type": "token", "node": "model", "data": {"id": "m", "text": "Hi"}}
    assert told(old, entry("of-tomorrow", {}), entry("gap", {"after": "1-0"})) == 'Hi\n[gap] {"after": "1-0"}\n'


@pytest.mark.parametrize(("status", "exit_status"), [("completed", 0), ("failed", 1), ("cancelled", 1)])
def test_how_the_job_ended_is_the_exit_status(run, service, status, exit_status):
    service.says(EVENTS, as_stream(entry("end", {"status": status})))
    service.says("GET /jobs/order%201", Answer(a_job(status)))
    assert run("watch", "order 1").status == exit_status


def test_a_stream_that_breaks_goes_on_where_it_was(run, service):
    service.says(
        EVENTS,
        as_stream(token("Bl")),
        Answer({"detail": "stopping"}, 503),
        as_stream(token("ue."), entry("end", {"status": "completed"})),
    )
    service.says("GET /jobs/order%201", Answer(a_job("completed")))
    done = run("watch", "order 1")
    assert (done.status, done.out) == (0, "Blue.\ncompleted\n")
    assert [each.headers.get("last-event-id") for each in service.asked[:3]] == [None, "1-0", "1-0"]


@pytest.mark.parametrize(("answer", "status"), [(404, 4), (503, 3)])
def test_what_cannot_be_watched_from_the_beginning_is_not_tried_again(run, service, answer, status):
    service.says(EVENTS, Answer({"detail": "no"}, answer))
    assert (run("watch", "order 1").status, len(service.asked)) == (status, 1)


def test_a_question_is_told_once_and_watching_goes_on(run, service):
    question = entry("interrupt", {"id": "q", "value": "when?"})
    service.says(EVENTS, as_stream(question, question, token("Soon."), entry("end", {"status": "completed"})))
    asks = a_job("interrupted", result={"interrupts": [{"id": "q", "value": "when?"}]})
    service.says("GET /jobs/order%201", Answer(asks), Answer(asks), Answer(a_job("completed")))
    done = run("watch", "order 1", "--json")
    assert (done.status, done.err.count("when?")) == (0, 1)
    assert [json.loads(line)["type"] for line in done.out.splitlines()] == ["interrupt", "interrupt", "token", "end"]


def test_what_a_model_says_does_not_command_the_terminal(run, service):
    service.says(EVENTS, as_stream(token("\x1b]0;owned\x07Blue.\r\n"), entry("end", {"status": "completed"})))
    service.says("GET /jobs/order%201", Answer(a_job("completed")))
    assert run("watch", "order 1").out == "\\x1b]0;owned\\x07Blue.\ncompleted\n"
