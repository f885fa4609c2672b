"""`agent-executor submit`."""

import json

import pytest

from contract import EXECUTE_TYPE
from tests.unit.executor.cli.conftest import Answer, a_job

RECEIPT = {"job_id": "order 1", "location": "/jobs/order%201"}


def entry(kind, data, **more):
    return {"job": "order 1", "attempt": 1, "type": kind, "node": "", "ns": "", "data": data, **more}


def as_stream(*entries):
    return Answer("".join(f"event: x\ndata: {json.dumps(each)}\nid: {n}-0\n\n" for n, each in enumerate(entries, 1)))


def test_a_message_to_an_agent_needs_no_file(run, service):
    service.says("POST /", Answer(RECEIPT, 202))
    done = run("submit", "--message", "Where is my order?", "--agent", "support", "--thread", "customer-42")
    assert (done.status, done.json, done.err) == (0, RECEIPT, "")
    [asked] = service.asked
    assert (asked.headers["content-type"], "prefer" in asked.headers) == ("application/cloudevents+json", False)
    job_id = asked.body["data"].pop("job_id")
    assert asked.body == {
        "specversion": "1.0",
        "id": job_id,
        "source": "cli",
        "type": EXECUTE_TYPE,
        "data": {
            "thread_id": "customer-42",
            "agent_definition": {"agent": "support"},
            "input_payload": {"messages": [{"role": "user", "content": "Where is my order?"}]},
        },
    }


@pytest.mark.parametrize(
    "words", [["--message", "x"], ["--agent", "x"], ["-", "--thread", "x"], ["-", "--message", "x", "--agent", "y"]]
)
def test_a_message_has_an_agent_and_no_file(run, service, words):
    assert (run("submit", *words).status, service.asked) == (2, [])


def test_an_event_is_sent_as_it_is_and_data_in_one_of_ours(run, service, tmp_path):
    event = {"specversion": "1.0", "id": "7", "source": "me", "type": "t", "data": {"job_id": "j\ud800"}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    service.says("POST /", Answer(RECEIPT, 202))
    assert (run("submit", str(tmp_path / "event.json")).status, service.asked[0].body) == (0, event)
    (tmp_path / "event.json").write_text("{")
    done = run("submit", str(tmp_path / "event.json"))
    assert (done.status, done.err.startswith("agent-executor: FILE is not JSON: ")) == (1, True)


@pytest.mark.usefixtures("at_terminal")
def test_a_person_reads_that_a_job_is_accepted_or_what_it_says(run, service):
    done = {"job_id": "order 1", "result": {"output": "Blue.", "final_state": {}}, "attempts": 1, "duration_ms": 1}
    service.says("POST /", Answer(RECEIPT, 202), Answer(done))
    words = ["submit", "--message", "x", "--agent", "y"]
    assert run(*words).out == "job order 1 is accepted; `agent-executor watch` follows it\n"
    assert run(*words, "--wait", "3").out == "Blue.\n"


def test_what_a_job_does_is_followed_to_its_end(run, service):
    service.says("POST /", Answer(RECEIPT, 202))
    entries = [entry("token", {"id": "m", "text": "Blue."}), entry("end", {"status": "failed"})]
    service.says("GET /jobs/order%201/events", as_stream(*entries))
    service.says("GET /jobs/order%201", Answer(a_job("failed", error={"type": "x", "message": "no luck"})))
    words = ["submit", "--message", "x", "--agent", "y", "--watch"]
    done, as_json = run(*words), run(*words, "--json")
    assert (done.status, done.out) == (1, "Blue.\nfailed\n")
    assert done.err.splitlines() == [
        "job order 1",
        "agent-executor: the job failed: no luck; `agent-executor jobs show 'order 1'` has all of it",
    ]
    assert [json.loads(line) for line in as_json.out.splitlines()] == entries


def test_following_ends_where_the_job_asks_a_person(run, service):
    service.says("POST /", Answer(RECEIPT, 202))
    service.says("GET /jobs/order%201/events", as_stream(entry("interrupt", {"id": "q", "value": "when?"})))
    asks = a_job("interrupted", result={"interrupts": [{"id": "q", "value": "when?"}]})
    service.says("GET /jobs/order%201", Answer(a_job("running")), Answer(asks))
    done = run("submit", "--message", "x", "--agent", "y", "--watch")
    assert (done.status, done.out) == (6, '[interrupt] {"id": "q", "value": "when?"}\n')
    assert done.err.splitlines() == [
        "job order 1",
        "It asks:",
        "  when?",
        "Answer with",
        "  agent-executor jobs resume 'order 1' '\"YOUR ANSWER\"'",
        "agent-executor: the job waits for a person; `agent-executor jobs show 'order 1'` says for what",
    ]
