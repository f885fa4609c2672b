"""The whole path: a message in, one result out, over NATS and over HTTP."""

import asyncio
import json
import uuid
from urllib.parse import quote, urlsplit

import pytest

from executor.http.cloudevents import LARGEST
from tests.integration.world import BINARY, asked, data, deep, enveloped, event, lone, says, until, writing

pytestmark = pytest.mark.anyio

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def unique(word="job"):
    return f"{word}-{uuid.uuid4().hex[:8]}"


async def test_a_structured_event_is_started_and_completed_with_its_result(running, job_id):
    await running.publish({**event(job_id, {"say": "Hello."}), "traceparent": TRACEPARENT}, STRUCTURED)
    [completed] = await running.ended(job_id)
    assert await running.words(job_id) == ["started", "completed"]
    told = completed.event
    assert told.pop("time")
    result = told["data"].pop("result")
    assert told == {
        "specversion": "1.0",
        "id": f"{job_id}:completed",
        "source": "agent-executor",
        "type": "io.bizmatters.agent.completed",
        "subject": job_id,
        "datacontenttype": "application/json",
        "traceparent": TRACEPARENT,
        "data": {"job_id": job_id, "attempts": 1, "duration_ms": told["data"]["duration_ms"]},
    }
    assert result["output"] == "Hello."
    assert [message["type"] for message in result["final_state"]["messages"]] == ["human", "ai"]
    assert completed.headers["Nats-Msg-Id"] == f"{job_id}:completed"


async def test_a_binary_event_is_the_same_job(running, job_id):
    headers = BINARY | {"content-type": "application/json", "ce-traceparent": TRACEPARENT}
    await running.publish(data(job_id, {"say": "Hello."}), headers)
    [completed] = await running.ended(job_id)
    assert completed.data["result"]["output"] == "Hello."
    assert completed.event["traceparent"] == TRACEPARENT


async def test_an_orchestrator_delegates_to_a_specialist_that_writes_a_file(running, job_id):
    specialist = {"say": "Writing.", "call": [writing("/note.md", "calm sea")]}
    delegating = {
        "name": "task",
        "args": {
            "subagent_type": "The Poet",
            "description": f"Write. {says(job_id, specialist, {'say': 'Written.'})['messages'][0]['content']}",
        },
    }
    definition = {
        "nodes": [
            {"id": "boss", "type": "Orchestrator", "config": {"system_prompt": "Delegate.", "tools": []}},
            {"id": "poet", "type": "Specialist", "config": {"name": "The Poet", "system_prompt": "Write."}},
        ]
    }
    await running.publish(event(job_id, {"call": [delegating]}, {"say": "All done."}, definition=definition))
    [completed] = await running.ended(job_id)
    assert completed.data["result"]["output"] == "All done."
    assert "calm sea" in str(completed.data["result"]["final_state"]["files"]["/note.md"])


async def test_a_job_twice_is_one_job(running, job_id):
    await running.publish(event(job_id))
    await running.ended(job_id)
    await running.publish(event(job_id))
    await until("the second message is acknowledged", lambda: running_idle(running))
    assert await running.words(job_id) == ["started", "completed"]


async def running_idle(running):
    return not await running.unfinished()


async def test_an_id_with_other_content_is_refused_and_the_first_stands(running, http, job_id):
    await running.publish(event(job_id, {"say": "first"}))
    await running.ended(job_id)
    other = event(job_id, {"say": "second"})
    place = await running.publish(other, {"X-Own": "kept"})
    await until("the second message is acknowledged", lambda: running_idle(running))
    [dead] = [letter for letter in await running.dead_letters() if letter.body == json.dumps(other).encode()]
    assert (dead.word, dead.headers["X-Own"], dead.headers["Dlq-Reason"]) == ("conflict", "kept", "conflict")
    assert dead.headers["Dlq-Subject"] == running.names.subject("execute", "tests")
    assert dead.headers["Nats-Msg-Id"] == f"{running.names.stream}:{place}:dlq"
    assert await running.words(job_id) == ["started", "completed"]
    answer = await http.post("/", json=other, headers=STRUCTURED)
    assert (answer.status_code, answer.json()["field"]) == (409, "job_id")


async def test_two_jobs_of_a_thread_are_one_conversation(running):
    first, second = unique(), unique()
    thread = unique("thread")
    await running.publish(event(first, {"say": "one"}, thread_id=thread))
    await running.publish(event(second, {"say": "two"}, thread_id=thread))
    one, two = await running.ended(first, second)
    assert (one.data["result"]["output"], two.data["result"]["output"]) == ("one", "two")
    assert [m["type"] for m in two.data["result"]["final_state"]["messages"]] == ["human", "ai"] * 2


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


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/jobs/no-such-job", 404, None),
        ("/jobs/", 404, None),
        ("/jobs/a%00b", 404, None),
        ("/jobs?limit=0", 422, "limit"),
        ("/jobs?limit=many", 422, "limit"),
        ("/jobs?status=lost", 422, "status"),
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


def bad_events(job):
    """Each bad event of the issue: its body, its headers, whether it names its job, and a word of what is wrong."""
    return [
        (b"not json", False, "not a CloudEvent"),
        (b"\xff\xfe", False, "UTF-8"),
        ({**event(job), "id": ""}, True, "id"),
        ({**event(job), "type": "io.example.other"}, True, "type"),
        ({**event(job), "time": "yesterday"}, True, "time"),
        (event(job, definition={}), True, "nodes"),
        (event(job, definition=lone(tools=["missing"])), True, "missing"),
        (event(job, definition={"nodes": [{"id": "a"}, {"id": "b"}]}), True, "Orchestrator"),
        (event(job, definition=lone(state_schema={"__x": {}})), True, "__x"),
        (event(job, definition=lone(model={"provider": "acme", "model": "m"})), True, "acme"),
        (event(job, input_payload={"a": "\0"}), True, "NUL"),
        (event(job, input_payload={"messages": [5]}), True, "messages[0]"),
        (event(job, definition={"nodes": [5] * 20_000}), True, "nodes"),
        (enveloped(None), False, "data"),
    ]


@pytest.mark.parametrize("index", range(len(bad_events(""))))
async def test_a_bad_event_fails_once_and_the_worker_goes_on(running, http, index, job_id):
    body, named, word = bad_events(job_id)[index]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    place = await running.publish(raw, {"X-Own": "ä", "Nats-Msg-Id": unique()} if index else {})
    subject = job_id if named else f"{running.names.stream}:{place}"
    [failed] = await running.ended(subject)
    assert failed.word == "failed"
    assert failed.data["job_id"] == subject
    assert failed.data["error"]["retryable"] is False
    assert word in failed.data["error"]["message"]
    [dead] = [
        letter
        for letter in await running.dead_letters()
        if letter.body == raw and letter.headers.get("Nats-Msg-Id") == f"{quote(subject, safe=':')}:dlq"
    ]
    assert dead.headers["Dlq-Reason"] == dead.word == failed.data["error"]["type"]
    assert dead.headers.get("X-Own") == ("ä" if index else None)
    after = unique()
    await running.publish(event(after))
    await running.ended(after)
    assert (await running.words(subject)).count("failed") == 1
    if named:
        assert (await http.get(f"/jobs/{job_id}")).json()["status"] == "failed"


async def test_headers_that_no_client_may_send_do_not_keep_a_dead_letter_from_being_one(running):
    broken = f"broken {unique()}".encode()
    await publish_raw(running, b"X/Odd: y\r\nNo Colon\r\nX-Own: \xff\r\n", broken)
    await until("it is a dead letter", lambda: letters(running, broken))
    [dead] = await letters(running, broken)
    assert {name for name in dead.headers if not name.startswith(("Dlq-", "Nats-Msg-Id"))} == {"X-Own"}
    await until("it is acknowledged", lambda: running_idle(running))


async def letters(running, body):
    return [letter for letter in await running.dead_letters() if letter.body == body]


async def publish_raw(running, headers, body):
    """Publish as no client would, and wait until the server has it."""
    address = urlsplit(running.environment["NATS_URL"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = b"NATS/1.0\r\n" + headers + b"\r\n"
    subject = running.names.subject("execute", "raw").encode()
    writer.write(b'CONNECT {"headers": true, "verbose": false}\r\n')
    writer.write(b"HPUB %s %d %d\r\n%s%s\r\nPING\r\n" % (subject, len(head), len(head + body), head, body))
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()


async def test_a_model_that_refuses_is_not_asked_again(running, model, job_id):
    await running.publish(event(job_id, {"status": 403, "say": "not for you"}))
    [failed] = await running.ended(job_id)
    assert (failed.word, failed.data["error"]["retryable"], failed.data["error"]["attempts"]) == ("failed", False, 1)
    assert "not for you" in failed.data["error"]["message"]
    assert asked(model, job_id) == [0]


async def test_what_a_job_does_is_streamed_in_order_to_its_end(running, job_id):
    turns = ({"say": "I will write.", "call": [writing("/a.md")]}, {"say": "Done."})
    async with running.dragonfly() as client, client.pubsub() as channel:
        await channel.subscribe(f"langgraph:stream:{job_id}")
        await running.publish(event(job_id, *turns, definition=deep()))
        await running.ended(job_id)
        heard = [json.loads(message["data"]) async for message in messages(channel)]
        assert 0 < await client.ttl(f"langgraph:stream:{job_id}") <= 3600
    entries = await running.entries(job_id)
    assert all(set(entry) == {"job", "attempt", "type", "node", "data"} for entry in entries)
    assert {(entry["job"], entry["attempt"]) for entry in entries} == {(job_id, "1")}
    kinds = [entry["type"] for entry in entries]
    assert kinds.count("end") == 1
    assert (kinds[0], kinds[-1]) == ("node_start", "end")
    assert json.loads(entries[-1]["data"]) == {"status": "completed"}
    said = "".join(json.loads(entry["data"])["text"] for entry in entries if entry["type"] == "token")
    assert said == "I will write.Done."
    assert [json.loads(e["data"])["name"] for e in entries if e["type"] in {"tool_call", "tool_result"}] == [
        "write_file"
    ] * 2
    order = [kinds.index(kind) for kind in ("token", "message", "tool_call", "tool_result", "end")]
    assert order == sorted(order)
    assert [
        {**entry, "attempt": int(entry["attempt"]), "data": json.loads(entry["data"])} for entry in entries
    ] == heard


async def messages(channel):
    """What the channel carries, to the entry `end`."""
    async for message in channel.listen():
        if message["type"] == "message":
            yield message
            if json.loads(message["data"])["type"] == "end":
                return


async def test_the_counters_are_there(running, http, job_id):
    await running.publish(event(job_id))
    await running.ended(job_id)
    text = (await http.get("/metrics")).text
    for sample in (
        'agent_executor_jobs_total{outcome="completed"} ',
        "agent_executor_attempts_total ",
        "agent_executor_retries_total ",
        "agent_executor_running_jobs ",
        "agent_executor_job_seconds_count ",
    ):
        assert f"\n{sample}" in text


async def test_health_readiness_and_the_description_answer(http):
    assert (await http.get("/health")).json() == {"status": "alive"}
    ready = await http.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert set(ready.json()["checks"].values()) == {"ok"}
    assert {"/", "/jobs", "/health", "/ready", "/metrics"} <= set((await http.get("/openapi.json")).json()["paths"])
    assert (await http.get("/docs")).status_code == 200


async def test_every_line_of_the_log_is_an_event_in_json(shared, running, job_id):
    await running.publish(event(job_id))
    await running.ended(job_id)
    lines = [json.loads(line) for line in shared.log.read_text().splitlines()]
    assert {"job begun", "job ended"} <= {line["event"] for line in lines if line.get("job") == job_id}
