"""Jobs as people read them at a terminal, and as programs do anywhere."""

import pytest

from tests.unit.executor.cli.conftest import Answer, a_job

JOB = "GET /jobs/order%201"
ANSWERED = [("show", JOB), ("cancel", "POST /jobs/order%201/cancel"), ("resume", "POST /jobs/order%201/resume")]


@pytest.mark.usefixtures("at_terminal")
def test_a_list_is_aligned_and_has_heads_at_a_terminal_only(run, service):
    jobs = [a_job("running", agent="support"), a_job("failed", job_id="x\x1b[31m\ny", thread_id="x\x1b[31m\ny")]
    service.says("GET /jobs", Answer({"jobs": jobs, "next": None}))
    assert run("jobs", "list").out.splitlines() == [
        "CREATED              STATUS   TRIES  JOB          THREAD  AGENT",
        "2026-11-30T09:00:00  running  1      order 1      t       support",
        "2026-11-30T09:00:00  failed   1      x\\x1b[31m y  -       -",
    ]


def test_a_list_that_is_piped_has_no_heads(run, service):
    service.says("GET /jobs", Answer({"jobs": [a_job("running")], "next": None}))
    assert run("jobs", "list").out == "2026-11-30T09:00:00  running  1  order 1  t  -\n"


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_an_empty_list_is_one_too(run, service, words):
    service.says("GET /jobs", Answer({"jobs": [], "next": None}))
    done = run("jobs", "list", *words)
    assert (done.status, done.out and done.json) == (0, {"jobs": [], "next": None} if words else "")


def test_what_is_listed_is_what_was_asked_for(run, service):
    service.says("GET /jobs", Answer({"jobs": [], "next": "c"}))
    words = [
        "--status",
        "failed",
        "--thread",
        "a b",
        "--agent",
        "x",
        "--since",
        "2026-12-31T12:00:00Z",
        "--cursor",
        "c",
    ]
    assert run("jobs", "list", "--json", *words).json == {"jobs": [], "next": "c"}
    assert service.lines == [
        "GET /jobs?limit=20&status=failed&thread_id=a+b&agent=x&since=2026-12-31T12%3A00%3A00Z&cursor=c"
    ]


@pytest.mark.parametrize(("word", "line"), ANSWERED)
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_job_is_json_where_no_person_reads(run, service, word, line, words):
    service.says(line, Answer(a_job("running")))
    done = run("jobs", word, "order 1", *(['"yes"'] if word == "resume" else []), *words)
    assert (done.status, done.json, done.err) == (0, a_job("running"), "")


@pytest.mark.usefixtures("at_terminal")
def test_json_is_what_was_asked_for_at_a_terminal_too(run, service):
    service.says(JOB, Answer(a_job("running")))
    assert run("jobs", "show", "order 1", "--json").json == a_job("running")


@pytest.mark.usefixtures("at_terminal")
def test_a_person_reads_what_became_of_a_job(run, service):
    times = {"started_at": "2026-11-30T09:00:01+00:00", "finished_at": "2026-11-30T09:00:03.5+00:00"}
    result = {"output": "Blue.\nAnd \x1b[1mgreen.", "final_state": {"messages": []}}
    service.says(JOB, Answer(a_job("completed", agent="a", metadata={"ticket": "7"}, result=result, **times)))
    assert run("jobs", "show", "order 1").out.splitlines() == [
        "job       order 1",
        "thread    t",
        "agent     a",
        "status    completed",
        "attempts  1",
        "created   2026-11-30T09:00:00.000000+00:00",
        "started   2026-11-30T09:00:01+00:00",
        "finished  2026-11-30T09:00:03.5+00:00",
        "took      0:00:02.500000",
        "ticket    7",
        "output    Blue.",
        "And \\x1b[1mgreen.",
    ]


@pytest.mark.usefixtures("at_terminal")
def test_a_person_reads_why_a_job_waits_and_what_went_wrong(run, service):
    service.says(
        JOB,
        Answer(a_job("parked", waiting={"for": "thread", "job": "order 0"})),
        Answer(a_job("failed", error={"type": "invalid", "message": "no such model"})),
    )
    last = [run("jobs", "show", "order 1").out.splitlines()[-1] for _ in range(2)]
    assert last == ["waits     for thread, job order 0", "error     invalid: no such model"]


def test_what_a_job_asks_is_beside_its_json(run, service):
    asks = a_job("interrupted", result={"interrupts": [{"id": "q", "value": "when?"}]})
    service.says(JOB, Answer(asks))
    done = run("jobs", "show", "order 1")
    assert (done.status, done.json) == (0, asks)
    assert done.err.splitlines()[:2] == ["It asks:", "  when?"]


def test_an_answer_is_sent_as_the_json_that_it_is(run, service):
    service.says("POST /jobs/order%201/resume", Answer(a_job("queued"), 202))
    assert run("jobs", "resume", "order 1", '{"decisions": []}').status == 0
    assert service.asked[0].body == {"resume": {"decisions": []}}
    done = run("jobs", "resume", "order 1", "yes")
    assert (done.status, len(service.asked)) == (1, 1)
    assert done.err.startswith("agent-executor: ANSWER is not JSON: ")
