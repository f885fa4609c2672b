"""What is large, and what is old."""

import json

import httpx
import pytest

from executor.embedded.loopback import wait_until
from executor.jobs.events import parse
from executor.jobs.job import Message, Origin, Submission
from executor.worker.retention import Retention
from tests.integration.durable.aftermath import at_rest
from tests.integration.durable.steps import job
from tests.integration.durable.workers import working
from tests.integration.world import STRUCTURED, deep, event, says

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


def large(name, size):
    """A job whose files are so large; they come back in its final state."""
    files = {"/big": {"content": "x" * size, "encoding": "utf-8"}}
    return event(name, definition=deep(), input_payload=says(name) | {"files": files})


async def test_what_no_message_can_hold_goes_in_over_http_and_comes_out_by_reference(place, fork, name):
    service = fork()
    await service.until_ready()
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
        answer = await http.post("/", json=large(name, 3_000_000), headers=STRUCTURED)
        assert (answer.status_code, answer.json()) == (202, {"job_id": name, "location": f"/jobs/{name}"})
        assert await at_rest(place, name) == {name: "completed"}
        [told] = await place.terminal()
        assert told.data == {"job_id": name, "attempts": 1, "duration_ms": told.data["duration_ms"]}
        whole = (await http.get(told.event["dataref"])).json()["result"]
        assert whole["final_state"]["files"]["/big"]["content"] == "x" * 3_000_000
        again = await http.post("/", json=large(name, 3_000_000), headers=STRUCTURED)
        other = await http.post("/", json=large(name, 2_000_000), headers=STRUCTURED)
        assert (again.status_code, other.status_code) == (202, 409)
        assert await at_rest(place, name) == {name: "completed"}
    [row] = await place.rows("SELECT body FROM jobs")
    assert row["body"] is None


async def test_a_large_job_whose_wake_was_lost_is_asked_for_again(place, steps, name):
    async with working(place.environment, steps.graph()) as running:
        await lose_the_wake_of(running, name)
        assert await at_rest(place, name) == {name: "completed"}
    assert steps.of(name) == "abc"


async def lose_the_wake_of(running, name):
    """It is queued and its message is marked, and was never published."""
    body = json.dumps(job(name)).encode()
    identity = parse(STRUCTURED, body).identity()
    never = Message(f"{name}:never", "nowhere", {}, b"")
    await running.resources.register.queue(
        [Submission(identity, never, Origin(name, "agent.execute.http", STRUCTURED, body))]
    )
    await running.resources.ledger.published([never])


async def test_what_ended_long_ago_is_forgotten_with_its_messages_and_checkpoints(place, steps, name):
    old, new = f"{name}-old", f"{name}-new"
    async with working(place.environment, steps.graph()) as running:
        for each in (old, new):
            await place.publish(job(each, f"{each}-thread"))
        await at_rest(place, old, new)
        await forget(running, old)
        assert [row["job_id"] for row in await place.rows("SELECT job_id FROM jobs")] == [new]
        assert {row["job_id"] for row in await place.rows("SELECT job_id FROM outbox")} == {new}
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            rows = await place.rows(f"SELECT DISTINCT thread_id FROM {table}")  # noqa: S608 - our own tables
            assert {row["thread_id"] for row in rows} <= {f"{new}-thread"}


async def forget(running, *jobs):
    await running.age(*jobs)
    keeping = Retention(running.resources.register, running.resources.savers.forget, 86_400)
    assert await keeping.round() is False


async def test_a_thread_that_is_used_again_keeps_its_checkpoints(place, steps, name):
    old, new = f"{name}-old", f"{name}-new"
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(old, "thread"))
        await at_rest(place, old)
        await place.publish(job(new, "thread"))
        await at_rest(place, old, new)
        before = await place.rows("SELECT count(*) AS n FROM checkpoints")
        await forget(running, old)
        assert await place.rows("SELECT count(*) AS n FROM checkpoints") == before
    [told] = [fact for fact in await place.terminal() if fact.event["subject"] == new]
    assert told.data["result"]["final_state"]["done"] == list("abcabc")
    await wait_until("nothing waits", lambda: idle(place))


async def idle(place):
    return not await place.unfinished()
