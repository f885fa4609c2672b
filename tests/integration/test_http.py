"""The whole path over HTTP: a request in, one result out."""

import asyncio
import json
from http import HTTPStatus
from urllib.parse import quote

import pytest

from executor.api.cloudevents import LARGEST
from tests.integration.world import BINARY, STRUCTURED, data, deep, enveloped, event, lone, says, unique

pytestmark = pytest.mark.anyio

BATCH = {"content-type": "application/cloudevents-batch+json"}


async def test_a_job_over_http_is_accepted_and_found_at_its_location(running, http, job_id):
    answer = await http.post("/", json=event(job_id, {"say": "Hello."}), headers=STRUCTURED)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job_id}")
    assert answer.json() == {"job_id": job_id, "location": f"/jobs/{job_id}"}
    [completed] = await running.ended(job_id)
    shown = (await http.get(answer.headers["location"])).json()
    assert set(shown) == {
        "job_id", "thread_id", "status", "attempts", "created_at", "started_at", "finished_at", "result", "error",
    }  # fmt: skip
    assert (shown["job_id"], shown["thread_id"], shown["status"], shown["attempts"]) == (job_id, job_id, "completed", 1)
    assert (shown["result"], shown["error"]) == (completed.data["result"], None)


async def test_who_waits_gets_the_terminal_events_data(running, http, job_id):
    headers = STRUCTURED | {"prefer": "respond-async, wait=30"}
    answer = await http.post("/", json=event(job_id, {"say": "Hello."}), headers=headers)
    assert answer.status_code == 200
    [completed] = await running.ended(job_id)
    assert answer.json() == completed.data
    again = await http.post("/", json=event(job_id, {"say": "Hello."}), headers=headers)
    assert (again.status_code, again.json()) == (200, answer.json())


async def test_who_waits_for_a_failure_gets_it(http, job_id):
    body = event(job_id, {"status": 400, "say": "no luck"})
    answer = await http.post("/", json=body, headers=STRUCTURED | {"prefer": "wait=30"})
    error = answer.json()["error"]
    assert (answer.status_code, error["retryable"], error["attempts"]) == (200, False, 1)
    assert "no luck" in error["message"]


async def test_who_does_not_wait_long_enough_is_told_where_to_look(running, http, job_id):
    body = event(job_id, {"say": "slow " * 4, "delay": 0.5})
    answer = await http.post("/", json=body, headers=STRUCTURED | {"prefer": "wait=1"})
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job_id}")
    await running.ended(job_id)


async def test_a_binary_request_is_the_same_job(running, http, job_id):
    headers = BINARY | {"content-type": "application/json"}
    answer = await http.post("/", json=data(job_id, {"say": "Hello."}), headers=headers)
    assert answer.status_code == 202
    [completed] = await running.ended(job_id)
    assert completed.data["result"]["output"] == "Hello."


async def test_a_batch_is_taken_whole(running, http):
    jobs = [unique(), unique()]
    answer = await http.post("/", json=[event(job) for job in jobs], headers=BATCH)
    assert answer.status_code == 202
    assert answer.json() == {"jobs": [{"job_id": job, "location": f"/jobs/{job}"} for job in jobs]}
    await running.ended(*jobs)


async def test_a_batch_with_one_bad_event_is_not_taken_at_all(http):
    good, bad = unique(), unique()
    wrongs: list[object] = [enveloped({"job_id": bad}), [], "event", None]
    for wrong in wrongs:
        answer = await http.post("/", json=[event(good), wrong], headers=BATCH)
        assert (answer.status_code, answer.json()["index"]) == (400, 1)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await http.get(f"/jobs/{good}")).status_code == 404


async def test_a_batch_with_one_conflict_is_not_taken_at_all(http):
    taken, good = unique(), unique()
    await http.post("/", json=event(taken), headers=STRUCTURED)
    batch = [event(good), event(taken, {"say": "other"})]
    answer = await http.post("/", json=batch, headers=BATCH)
    assert (answer.status_code, answer.json()["index"], answer.json()["field"]) == (409, 1, "job_id")
    assert (await http.get(f"/jobs/{good}")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1}', b"\xff", b"[" * 5000])
async def test_a_batch_that_is_none_is_a_problem(http, body):
    answer = await http.post("/", content=body, headers=BATCH)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_a_deeply_nested_event_in_a_batch_is_a_problem(http):
    body = b'[{"specversion": "1.0", "data": ' + b"[" * 900 + b"]" * 900 + b"}]"
    answer = await http.post("/", content=body, headers=BATCH)
    assert (answer.status_code, answer.json()["index"]) == (400, 0)


@pytest.mark.parametrize("job_id", ["a/b/c", "ä ö/ü?x=1#y", "x%2Fy", "/", ".", "..", "a/../b", "a//b", "🙂", "x" * 255])
async def test_any_id_has_a_location(running, http, job_id):
    mine = f"{unique()}{job_id}"[:255]
    answer = await http.post("/", json=event(mine), headers=STRUCTURED)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/jobs/{quote(mine, safe='')}"
    [completed] = await running.ended(mine)
    assert completed.event["subject"] == mine
    shown = await http.get(answer.headers["location"])
    assert (shown.status_code, shown.json()["job_id"]) == (200, mine)


async def test_the_list_of_jobs_is_paged_from_the_newest(running, http):
    jobs = [unique() for _ in range(5)]
    for job in jobs:
        await http.post("/", json=event(job), headers=STRUCTURED)
    await running.ended(*jobs)
    seen, cursor = [], ""
    while True:
        page = (await http.get("/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        assert len(page["jobs"]) <= 2
        seen += [job["job_id"] for job in page["jobs"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len(set(seen))
    assert [job for job in seen if job in jobs] == jobs[::-1]
    completed = (await http.get("/jobs", params={"status": "completed", "limit": 500})).json()["jobs"]
    assert set(jobs) <= {job["job_id"] for job in completed}
    shown = [(await http.get(f"/jobs/{job}")).json() for job in jobs]
    filters = {"thread_id": shown[1]["thread_id"], "since": shown[0]["created_at"], "until": shown[2]["created_at"]}
    assert (await http.get("/jobs", params=filters)).json() == {"jobs": [shown[1]], "next": None}


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/jobs/no-such-job", 404, None),
        ("/jobs/", 404, None),
        ("/jobs/a%00b", 404, None),
        ("/jobs?limit=0", 422, "limit"),
        ("/jobs?limit=many", 422, "limit"),
        ("/jobs?status=lost", 422, "status"),
        ("/jobs?since=yesterday", 422, "since"),
        ("/jobs?until=2026-12-31T12:00:00", 422, "until"),
        ("/jobs?cursor=%F0%9F%99%82", 400, "cursor"),
        ("/jobs?cursor=abc", 400, "cursor"),
        ("/jobs?cursor=AAAA", 400, "cursor"),
        ("/jobs?cursor=bm8tc3VjaC1qb2I=", 400, "cursor"),
        ("/nowhere", 404, None),
    ],
)
async def test_a_question_without_an_answer_is_a_problem(http, path, status, field):
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.json()["status"], answer.json().get("field")) == (status, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"not json", None),
        (b"", None),
        (json.dumps({**event("x"), "id": None}).encode(), "id"),
        (json.dumps({**event("x"), "type": "io.example.other"}).encode(), "type"),
        (json.dumps(enveloped({"job_id": "x"})).encode(), "data.agent_definition"),
        (json.dumps(event("x", input_payload={"a": "\0"})).encode(), "data.input_payload.a"),
        (json.dumps(event("x", input_payload={"messages": [5]})).encode(), "data.input_payload.messages[0]"),
        (json.dumps(event("x", definition={})).encode(), "data.agent_definition.nodes"),
        (
            json.dumps(event("x", definition=lone(tools=["missing"]))).encode(),
            "data.agent_definition.nodes[0].config.tools",
        ),
        (json.dumps(event("x", definition=lone(model={"provider": "acme", "model": "m"}))).encode(), "model.provider"),
    ],
)
async def test_a_bad_request_is_a_problem_that_names_the_field_and_never_a_job(http, body, field):
    answer = await http.post("/", content=body, headers=STRUCTURED)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert set(problem) == {"type", "title", "status", "detail"} | ({"field"} if field else set())
    assert problem.get("field") == field
    assert (await http.get("/jobs/x")).status_code == 404


async def test_a_body_that_is_too_large_is_refused(http, job_id):
    answer = await http.post("/", json=event(job_id, input_payload={"x": "x" * LARGEST}), headers=STRUCTURED)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


@pytest.mark.parametrize("note", [0, 20_000])
@pytest.mark.parametrize("size", [10, 1_043_000, 1_200_000])
async def test_whoever_has_a_202_has_a_job_that_will_run(running, http, job_id, size, note):
    """Also where the body, or only the body with its headers, is larger than a message may be."""
    asked = data(job_id, input_payload=says(job_id) | {"ignored": "x" * size})
    headers = BINARY | {"content-type": "application/json"} | ({"ce-note": "x" * note} if note else {})
    answer = await http.post("/", json=asked, headers=headers)
    assert answer.status_code == 202
    [completed] = await running.ended(job_id, limit=20)
    assert completed.word == "completed"


async def test_a_job_as_large_as_a_message_may_be_completes_with_a_reference(running, http, job_id):
    payload = says(job_id) | {"files": {"/big": {"content": "x" * 900_000, "encoding": "utf-8"}}}
    answer = await http.post("/", json=event(job_id, definition=deep(), input_payload=payload), headers=STRUCTURED)
    assert answer.status_code == 202
    [completed] = await running.ended(job_id)
    assert completed.data["attempts"] == 1
    if "result" not in completed.data:
        assert completed.event["dataref"] == f"/jobs/{job_id}"
    kept = (await http.get(f"/jobs/{job_id}")).json()["result"]["final_state"]
    assert kept["files"]["/big"]["content"] == "x" * 900_000


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("", 202),
        ("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n", 202),
        (f"x: {'x' * 60_000}\r\n", 202),
        (f"x: {'x' * 200_000}\r\n", 431),
    ],
    ids=["plain", "an offer of HTTP/2", "a large head", "one that is too large"],
)
async def test_a_request_is_read_as_it_comes_over_a_socket(running, http, job_id, more, status):
    body = json.dumps(event(job_id)).encode()
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    head = f"POST / HTTP/1.1\r\nhost: here\r\n{more}content-length: {len(body)}\r\n"
    writer.write(f"{head}content-type: application/cloudevents+json\r\n\r\n".encode() + body)
    assert int((await reader.readuntil(b"\r\n")).split()[1]) == status
    writer.close()
    if status == HTTPStatus.ACCEPTED:
        [completed] = await running.ended(job_id)
        assert completed.word == "completed"
