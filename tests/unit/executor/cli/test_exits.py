"""What the exit status of each command says, and the line beside it."""

import json

import pytest

from executor.cli import outage
from tests.unit.executor.cli.conftest import Answer, a_job

JOB = "GET /jobs/order%201"
ASKS = {"interrupts": [{"id": "q", "value": "when?"}]}
ENDS = [
    (a_job("completed", result={"output": "Blue."}), 0, ""),
    (a_job("failed", error={"type": "x", "message": "no luck"}), 1, "the job failed: no luck; "),
    (a_job("cancelled"), 1, "the job was cancelled; "),
    (a_job("interrupted", result=ASKS), 6, "the job waits for a person; "),
]
ANSWERS = [
    ({"job_id": "j", "result": {"output": "x"}, "attempts": 1, "duration_ms": 1}, 0, ""),
    ({"job_id": "j", "error": {"type": "x", "message": "no luck"}}, 1, "the job failed: no luck; "),
    ({"job_id": "j", "status": "cancelled"}, 1, "the job was cancelled; "),
    ({"job_id": "j", "status": "interrupted", **ASKS}, 6, "the job waits for a person; "),
]
RECEIPT = {"job_id": "j", "location": "/jobs/j"}


@pytest.fixture
def file(tmp_path):
    """A job in a file."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"job_id": "j", "agent_definition": {}, "input_payload": {}}))
    return str(path)


def line(done):
    """The last line of what was said beside the output: it is of one command, in one line."""
    last = done.err.splitlines()[-1] if done.err else ""
    assert not last or last.startswith("agent-executor: ")
    return last.removeprefix("agent-executor: ")


@pytest.mark.parametrize(("job", "status", "said"), ENDS, ids=lambda value: str(value)[:20])
def test_waiting_for_a_job_tells_what_it_came_to(run, service, job, status, said):
    service.says(JOB, Answer(a_job("running")), Answer(job))
    done = run("jobs", "wait", "order 1")
    assert (done.status, done.json, line(done)[: len(said)]) == (status, job, said)
    assert bool(line(done)) == bool(said)


def test_waiting_for_the_end_waits_on_while_a_person_is_asked(run, service):
    service.says(JOB, Answer(a_job("interrupted", result=ASKS)), Answer(a_job("completed")))
    assert run("jobs", "wait", "order 1", "--for", "ended").status == 0


def test_where_the_time_is_over_while_a_person_is_asked_it_is_the_time_that_is_over(run, service):
    service.says(JOB, Answer(a_job("interrupted", result=ASKS)))
    done = run("jobs", "wait", "order 1", "--for", "ended", "--timeout", "0.02s")
    assert (done.status, line(done)[:33]) == (7, "the job is interrupted still, and")


@pytest.mark.parametrize(
    ("job", "status"), [("interrupted", 0), ("completed", 1), ("failed", 1), ("running", 7)], ids=str
)
def test_waiting_for_a_question_tells_whether_it_came(run, service, job, status):
    service.says(JOB, Answer(a_job(job, result=ASKS if job == "interrupted" else None)))
    assert run("jobs", "wait", "order 1", "--for", "interrupted", "--timeout", "0.02").status == status


def test_a_time_that_is_over_is_told_with_the_job_as_it_is(run, service):
    service.says(JOB, Answer(a_job("running")))
    done = run("jobs", "wait", "order 1", "--timeout", "0.02")
    assert (done.status, done.json["status"]) == (7, "running")
    assert line(done) == "the job is running, and the time is over; `agent-executor jobs wait` goes on waiting"


@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_submitting_and_waiting_tells_what_it_came_to(run, service, file, case):
    answer, status, said = case
    service.says("POST /", Answer(answer))
    done = run("submit", file, "--wait", "5")
    assert (done.status, done.json, line(done)[: len(said)]) == (status, answer, said)
    assert service.asked[0].headers["prefer"] == "wait=5"


def test_a_job_that_is_accepted_is_a_success_and_one_that_was_waited_for_in_vain_is_not(run, service, file):
    service.says("POST /", Answer(RECEIPT, 202))
    assert (run("submit", file).status, run("submit", file, "--wait", "1").status) == (0, 7)


def test_a_pod_that_stops_while_somebody_waits_is_asked_again(run, service, file):
    service.says("POST /", Answer(RECEIPT, 202), Answer({"detail": "stopping"}, 503), Answer(ANSWERS[0][0]))
    done = run("submit", file, "--wait", "30")
    assert (done.status, done.json) == (0, ANSWERS[0][0])
    assert [each.body for each in service.asked] == [service.asked[0].body] * 3


@pytest.mark.parametrize(
    "case",
    [
        (Answer({"detail": "no job 'order 1'"}, 404), 4, "404: no job 'order 1'; `agent-executor jobs list` shows"),
        (Answer({"detail": "the job has ended already"}, 409), 5, "409: the job has ended already; `agent-exec"),
        (Answer({"detail": "starting"}, 503), 3, "503: starting; try again in a moment"),
        (Answer("<h1>\n\x1b[2JBad</h1>", 502), 3, "502: <h1> \\x1b[2JBad</h1>; try again in a moment"),
        (Answer({"detail": "a token is asked for"}, 401), 1, "401: a token is asked for; show a token that"),
        (Answer({"detail": "field: wrong"}, 422), 1, "422: field: wrong"),
        (Answer("<html>", 200), 3, "answers, but is not the service; --url says where that is"),
        (Answer("", 301), 1, "301: Moved Permanently"),
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [("show",), ("cancel",), ("wait",)], ids=str)
def test_what_the_service_refuses_is_one_line_that_says_what_to_do(run, service, case, words):
    answer, status, said = case
    service.says(JOB, answer)
    service.says("POST /jobs/order%201/cancel", answer)
    done = run("jobs", *words, "order 1")
    assert (done.status, done.out, len(done.err.splitlines())) == (status, "", 1)
    assert said in done.err


def test_a_service_that_is_not_there_is_one_line_with_its_place(run):
    done = run("jobs", "list", "--url", "http://127.0.0.1:1")
    assert (done.status, done.out, len(done.err.splitlines())) == (3, "", 1)
    assert done.err.startswith("agent-executor: http://127.0.0.1:1")
    assert "is the service there? (--url, EXECUTOR_URL, the context)" in done.err


def test_a_nats_that_is_not_there_is_not_waited_for_for_ever(run, monkeypatch):
    from executor.cli import letters  # noqa: PLC0415

    monkeypatch.setattr(letters, "CONNECT_SECONDS", 0.1)
    done = run("dlq", "list", "--nats-url", "nats://127.0.0.1:1")
    assert (done.status, done.out) == (3, "")
    assert line(done).startswith("NATS does not answer; --nats-url")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["jobs", "list", "--fly"],
            "No such option '--fly'. Did you mean '--url'? (`agent-executor jobs list --help` shows how)",
        ),
        (["fly"], "No such command 'fly' (`agent-executor --help` shows how)"),
        (["jobs", "wait", "j", "--timeout", "soon"], "'soon' is no span of time: write 90, 90s, 10m, 2h or 7d"),
        (
            ["submit"],
            "name a FILE, or say --message and --agent (and --thread) (`agent-executor submit --help` shows how)",
        ),
        (["submit", "-", "--wait", "1", "--watch"], "--wait and --watch are two ways to wait: say one"),
        (
            ["dlq", "drop"],
            "name the letters by their places, or say --all (`agent-executor dlq drop --help` shows how)",
        ),
        (["jobs", "list", "--url", "nowhere", "--limit", "1"], "nowhere is no URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_written_wrongly_is_one_line_with_the_help_to_read(run, words, said):
    done = run(*words)
    assert (done.status, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


def test_a_wait_outlives_a_service_that_goes_away_for_a_moment(run, service):
    service.says(JOB, Answer(a_job("running")), Answer({"detail": "starting"}, 503), Answer(a_job("completed")))
    assert run("jobs", "wait", "order 1").status == 0
    assert service.lines == [JOB] * 3


def test_a_wait_gives_up_on_a_service_that_stays_away(run, service, monkeypatch):
    monkeypatch.setattr(outage, "LONGEST", 0.05)
    service.says(JOB, Answer(a_job("running")), Answer({"detail": "starting"}, 503))
    assert run("jobs", "wait", "order 1").status == 3


def test_a_wait_gives_up_when_its_time_is_over_and_the_service_away(run, service):
    service.says(JOB, Answer(a_job("running")), Answer({"detail": "starting"}, 503))
    assert run("jobs", "wait", "order 1", "--timeout", "0.1").status == 3


@pytest.mark.parametrize("words", [["--help"], ["submit", "--help"], ["watch", "--help"], ["jobs", "wait", "--help"]])
def test_the_statuses_are_in_the_help(run, words):
    done = run(*words)
    assert (done.status, "7  the time of --wait or --timeout is over" in done.out) == (0, True)
