"""The whole path: a message in, one result out."""

import asyncio
import json
from urllib.parse import quote, urlsplit

import pytest

from tests.integration.world import (
    BINARY,
    STRUCTURED,
    asked,
    data,
    deep,
    enveloped,
    event,
    lone,
    says,
    unique,
    until,
    writing,
)

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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


async def test_files_are_given_to_a_deep_agent_as_texts(running, job_id):
    reading = {"call": [{"name": "read_file", "args": {"file_path": "/note.md"}}]}
    job = event(job_id, reading, {"say": "Read."}, definition=deep())
    job["data"]["input_payload"]["files"] = {"/note.md": "calm sea"}
    await running.publish(job)
    [completed] = await running.ended(job_id)
    state = completed.data["result"]["final_state"]
    assert state["files"]["/note.md"] == {"content": "calm sea", "encoding": "utf-8"}
    assert "calm sea" in state["messages"][2]["data"]["content"]


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
        (
            event(job, definition={"nodes": [{"id": "a", "type": "Orchestrator"}, {"id": "b", "type": "X"}]}),
            True,
            "b is",
        ),
        (event(job, definition={**lone(), "edges": [["agent", "nobody"]]}), True, "'nobody' is none of the nodes"),
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


def _called(entries):
    """The names and arguments of what a model called, put together from the pieces in which it said so."""
    said: dict[tuple[str, int], dict[str, str]] = {}
    tokens = [json.loads(entry["data"]) for entry in entries if entry["type"] == "token"]
    for token in tokens:
        for piece in token.get("tool_calls", ()):
            call = said.setdefault((token["id"], piece["index"]), {"name": "", "args": ""})
            for name in call:
                call[name] += piece.get(name, "")
    return [(call["name"], json.loads(call["args"])) for call in said.values()]


async def test_what_a_job_does_is_streamed_in_order_to_its_end(running, job_id):
    turns = ({"say": "I will write.", "call": [writing("/a.md")]}, {"say": "Done."})
    async with running.dragonfly() as client, client.pubsub() as channel:
        await channel.subscribe(f"langgraph:stream:{job_id}")
        await running.publish(event(job_id, *turns, definition=deep()))
        await running.ended(job_id)
        heard = [json.loads(message["data"]) async for message in messages(channel)]
        assert 0 < await client.ttl(f"langgraph:stream:{job_id}") <= 3600
    entries = await running.entries(job_id)
    assert all(set(entry) == {"job", "attempt", "type", "node", "ns", "data"} for entry in entries)
    assert {(entry["job"], entry["attempt"]) for entry in entries} == {(job_id, "1")}
    kinds = [entry["type"] for entry in entries]
    assert kinds.count("end") == 1
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert json.loads(entries[-1]["data"]) == {"status": "completed"}
    said = "".join(json.loads(entry["data"])["text"] for entry in entries if entry["type"] == "token")
    assert said == "I will write.Done."
    assert _called(entries) == [("write_file", {"file_path": "/a.md", "content": "x"})]
    assert [json.loads(e["data"])["name"] for e in entries if e["type"] in {"tool_call", "tool_result"}] == [
        "write_file"
    ] * 2
    order = [kinds.index(kind) for kind in ("checkpoint", "token", "message", "tool_call", "tool_result", "end")]
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
