"""What clients rely on beside the documents: headers, ids, the first byte, what follows from going away."""

import json
from urllib.parse import quote

import httpx
import pytest

from executor.embedded.loopback import wait_until
from tests.integration.world import JsonObject, unique

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(faced):
    async with httpx.AsyncClient(base_url=faced.url, timeout=30) as found:
        yield found


def run(agent, **more):
    return {"assistant_id": agent, "if_not_exists": "create", "stream_mode": ["updates", "custom"], **more}


async def events(lines):
    """The frames of a stream: event, data and id."""
    found: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if not line and found:
            yield found.get("event"), json.loads(found.get("data", "null")), found.get("id")
            found = {}
        elif name in {"event", "data", "id"}:
            found[name] = value


async def test_a_stream_says_where_its_run_is_and_where_it_goes_on(http):
    thread = f"a/b {unique()}"
    path = f"/threads/{quote(thread, safe='')}"
    async with http.stream("POST", f"{path}/runs/stream", json=run("steps", input={"seen": []})) as stream:
        told = [event async for event in events(stream.aiter_lines())]
    run_id = told[0][1]["run_id"]
    assert stream.headers["content-location"] == f"{path}/runs/{run_id}"
    where = stream.headers["location"]
    assert where == f"{path}/runs/{run_id}/stream?stream_mode=updates&stream_mode=custom"
    assert (await http.get(stream.headers["content-location"])).json()["thread_id"] == thread
    ids = [identity for _, _, identity in told if identity]
    for seen, identity in enumerate(ids, 1):
        async with http.stream("GET", where, headers={"last-event-id": identity}) as again:
            rest = [event async for event in events(again.aiter_lines())]
        assert [each[2] for each in rest if each[2]] == ids[seen:]
        assert (rest[0][0], rest[-1][0]) == ("metadata", "end")


async def test_a_created_run_says_where_it_is(http):
    for path in ("/runs", "/runs/wait"):
        answer = await http.post(path, json=run("steps", input={"seen": []}))
        assert (await http.get(answer.headers["content-location"])).json()["status"] in {
            "pending",
            "running",
            "success",
        }


@pytest.mark.parametrize(("word", "status"), [("cancel", "interrupted"), ("continue", "running")])
async def test_who_goes_away_takes_the_run_along_only_if_they_said_so(http, tmp_path, word, status):
    asked = run("slow", input={"gate": str(tmp_path / "open")}, on_disconnect=word, stream_mode="tasks")
    async with http.stream("POST", "/runs/stream", json=asked) as stream:
        where = stream.headers["content-location"]
        async for event in events(stream.aiter_lines()):
            if event[0] == "tasks":
                break

    async def has_status():
        return (await http.get(where)).json()["status"] == status

    await wait_until(f"the run is {status}", has_status, 20, every=0.05)
    (tmp_path / "open").touch()


async def test_who_gives_up_waiting_takes_the_run_along_if_they_said_so(http, tmp_path):
    asked = run("slow", input={"gate": str(tmp_path / "never")}, on_disconnect="cancel")
    async with http.stream("POST", "/runs/wait", json=asked) as answer:
        where = answer.headers["content-location"]

    async def is_cancelled():
        return (await http.get(where)).json()["status"] == "interrupted"

    await wait_until("the run is cancelled", is_cancelled, 20, every=0.05)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/assistants"),
        ("PATCH", "/assistants/steps"),
        ("POST", "/assistants/steps/versions"),
        ("POST", "/threads/x%2Fy/copy"),
        ("POST", "/threads/prune"),
        ("POST", "/runs/crons"),
        ("POST", "/runs/crons/search"),
        ("POST", "/runs/batch"),
        ("PUT", "/store/items"),
        ("DELETE", "/threads/x/runs/y"),
    ],
)
async def test_what_is_not_served_is_refused_in_so_many_words(http, method, path):
    answer = await http.request(method, path, json={})
    assert (answer.status_code, answer.headers["content-type"]) == (501, "application/problem+json")
    assert answer.json()["detail"]


async def test_a_bad_run_is_refused_with_its_field_and_leaves_no_thread(http):
    thread = unique("thread")
    wrong: dict[str, JsonObject] = {
        "config.recursion_limit": {"config": {"recursion_limit": 0}},
        "data.input_payload.seen": {"input": {"seen": ["\0"]}},
        "config.configurable": {"context": {"a": 1}, "config": {"configurable": {"b": 1}}},
    }
    for field, more in wrong.items():
        answer = await http.post(f"/threads/{thread}/runs", json=run("steps", **{"input": {}, **more}))
        assert (answer.status_code in {400, 422}, answer.json()["field"][: len(field)]) == (True, field)
    assert (await http.get(f"/threads/{thread}")).status_code == 404
    assert (await http.post(f"/threads/{thread}/runs", json=run("nobody", input={}))).status_code == 404


async def test_cancelling_is_told_and_what_has_ended_stays(http):
    where = (await http.post("/runs/wait", json=run("steps", input={"seen": []}))).headers["content-location"]
    assert (await http.post(f"{where}/cancel?wait=0&action=interrupt")).status_code == 409
    assert (await http.post(f"{where}/cancel?action=rollback")).status_code == 422
    _, _, thread, _, run_id = where.split("/")
    assert (await http.post("/runs/cancel", json={"thread_id": thread, "run_ids": [run_id]})).status_code == 204
    assert (await http.get(where)).json()["status"] == "success"


HALF = "\\ud800"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/threads", '{"thread_id": "a\\u0000"}', "thread_id"),
        ("/threads", '{"metadata": {"a": ["HALF"]}}', "metadata.a[0]"),
        ("/threads", "[]", ""),
        ("/threads/search", '{"ids": ["HALF"]}', "ids[0]"),
        ("/threads/search", '{"offset": 1e30}', "offset"),
        ("/threads/count", '{"metadata": {"HALF": 1}}', "metadata.(a key)"),
        ("/runs/cancel", '{"thread_id": "x", "run_ids": ["a\\u0000"]}', "run_ids[0]"),
        ("/runs", '{"assistant_id": "steps", "input": {}, "checkpoint_id": "HALF"}', "data.checkpoint_id"),
        ("/runs", '{"assistant_id": "steps", "input": {}, "config": {"configurable": {"checkpoint_id": 5}}}', "data"),
        ("/runs", '{"assistant_id": "HALF", "input": {}}', None),
        ("/runs", '{"assistant_id": "steps", "input": {}, "config": []}', "config"),
    ],
)
async def test_a_hostile_body_is_refused_by_its_field(http, path, body, field):
    answer = await http.post(path, content=body.replace("HALF", HALF), headers={"content-type": "application/json"})
    assert answer.status_code in {400, 404, 422}
    assert field is None or answer.json()["field"].startswith(field)


@pytest.mark.parametrize("thread", ["a%00b", "%ED%A0%80", "x" * 300, "%2e%2e"])
async def test_odd_threads_in_a_path_are_unknown(http, thread):
    for path in ("", "/state", "/runs", "/runs/y", "/runs/y/join", "/runs/y/stream"):
        assert (await http.get(f"/threads/{thread}{path}")).status_code == 404
    assert (await http.delete(f"/threads/{thread}")).status_code == 404
