"""What one image has begun, parked or put off, the other goes on with."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from contract import Env
from tests.integration.durable.aftermath import at_rest, state
from tests.integration.world import STRUCTURED, asked, deep, event, until, writing
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio

WAITS = {"b": ["wait"]}


async def test_a_job_whose_worker_was_killed_is_finished_by_the_other_from_its_checkpoint(
    place, pods, images, steps, name
):
    first, second = images
    dying = await pods.start(first)
    await place.publish(steps.job(name, WAITS))
    await steps.until_begun(name, f"a@{first}", f"b@{first}")
    await dying.kill()
    await place.let_time_pass()
    steps.open(name, "b")
    await pods.start(second)
    assert await at_rest(place, name) == {name: "completed"}
    assert steps.begun(name) == [f"a@{first}", f"b@{first}", f"b@{second}", f"c@{second}"]
    [completed] = await place.terminal()
    assert completed.data["attempts"] == 2
    assert completed.data["result"]["final_state"]["done"] == [f"a@{first}", f"b@{second}", f"c@{second}"]


async def test_an_agent_whose_worker_was_killed_goes_on_at_the_other_with_all_that_it_had(
    place, pods, images, model, name
):
    first, second = images
    slow = {"say": "a b c d", "call": [writing("/second", "two")], "delay": 0.1}
    dying = await pods.start(first)
    await place.publish(event(name, {"call": [writing("/first", "one")]}, slow, {"say": "Done."}, definition=deep()))
    await until("its second step has begun", lambda: 1 in asked(model, name))
    await dying.kill()
    await place.let_time_pass()
    await pods.start(second)
    assert await at_rest(place, name) == {name: "completed"}
    assert Counter(asked(model, name)) == {0: 1, 1: 2, 2: 1}
    [completed] = await place.terminal()
    final = completed.data["result"]["final_state"]
    assert {path: file["content"] for path, file in final["files"].items()} == {"/first": "one", "/second": "two"}
    assert [message["type"] for message in final["messages"]] == ["human", "ai", "tool", "ai", "tool", "ai"]


async def test_jobs_given_back_and_parked_by_one_are_woken_and_finished_by_the_other_in_order(
    place, pods, images, steps, name
):
    first, second = images
    after = f"{name}-after"
    leaving = await pods.start(first, **{Env.EXECUTOR_DRAIN_SECONDS: "0"})
    await place.publish(steps.job(name, WAITS, thread=name))
    await place.publish(steps.job(after, thread=name))
    await steps.until_begun(name, f"a@{first}", f"b@{first}")
    await until("the one after it is parked", lambda: is_parked(place, after))
    await pods.start(second)
    assert await leaving.stop() == 0
    await steps.until_begun(name, f"a@{first}", f"b@{first}", f"b@{second}")
    assert steps.begun(after) == []
    steps.open(name, "b")
    assert await at_rest(place, name, after) == {name: "completed", after: "completed"}
    assert steps.begun(name)[3:] + steps.begun(after) == [f"{step}@{second}" for step in "cabc"]
    assert [row["attempts"] for row in await place.rows("SELECT attempts FROM jobs")] == [1, 1]
    pods.expected.add("the grace is over: the job goes on elsewhere")


async def test_who_waits_at_one_is_answered_where_the_other_ends_the_job(place, pods, images, steps, name):
    first, second = images
    before = f"{name}-before"
    busy = await pods.start(first, **{Env.EXECUTOR_CONCURRENCY: "1"})
    await place.publish(steps.job(before, WAITS))
    await steps.until_begun(before, f"a@{first}", f"b@{first}")
    await pods.start(second)
    async with httpx.AsyncClient(base_url=busy.url, timeout=60) as http:
        answer = await http.post("/", json=steps.job(name), headers=STRUCTURED | {"prefer": "wait=30"})
    steps.open(before, "b")
    assert await at_rest(place, name, before) == {name: "completed", before: "completed"}
    assert steps.begun(name) == [f"{step}@{second}" for step in "abc"]
    [completed] = [fact for fact in await place.facts(name) if fact.word == "completed"]
    assert (answer.status_code, answer.json()) == (200, completed.data)


async def test_a_job_of_many_attempts_in_all_lives_at_the_landed_image(place, pods, both, steps, name):
    """It judges by the attempts of the step, which the new image counts anew with each."""
    old, new = both
    dying = await pods.start(new)
    await place.publish(steps.job(name, WAITS))
    await steps.until_begun(name, "a@new", "b@new")
    await place.execute("UPDATE jobs SET earlier = 19")
    await dying.kill()
    await place.let_time_pass()
    steps.open(name, "b")
    await pods.start(old)
    assert await at_rest(place, name) == {name: "completed"}


async def test_what_waits_for_the_world_keeps_its_place_on_its_thread_at_the_landed_image(
    place, pods, both, steps, name
):
    old, new = both
    after = f"{name}-after"
    leaving = await pods.start(new)
    await place.publish(steps.job(name, {"b": ["away"]}, thread=name))
    await settled(place, name, "parked")
    pods.expected.add("attempt failed")
    await pods.start(old)
    await leaving.kill()
    await place.publish(steps.job(after, thread=name))
    await until("the one after it is parked", lambda: becomes_parked(place, after))
    assert steps.begun(after) == []
    steps.open(name, "b")
    assert await at_rest(place, name, after) == {name: "completed", after: "completed"}
    assert steps.begun(after) == ["a@old", "b@old", "c@old"]


async def becomes_parked(place, name):
    return await state(place, name) == "parked"


async def is_parked(place, name):
    """Its message is acknowledged, too: only that of the one before it is left."""
    return await state(place, name) == "parked" and await place.unfinished() == 1


async def test_a_job_put_off_by_one_is_begun_by_the_other_when_it_is_due(place, pods, images, steps, name):
    first, second = images
    leaving = await pods.start(first)
    due = datetime.now(UTC) + timedelta(seconds=4)
    await place.publish(steps.job(name, notbefore=due.isoformat()))
    await settled(place, name, "parked")
    await leaving.kill()
    await pods.start(second)
    assert await at_rest(place, name) == {name: "completed"}
    assert steps.begun(name) == [f"{step}@{second}" for step in "abc"]
    [job] = await place.rows("SELECT started_at, attempts FROM jobs")
    assert (job["started_at"] >= due, job["attempts"]) == (True, 1)


async def test_jobs_that_one_has_are_cancelled_over_http_at_the_other(place, pods, images, steps, name):
    first, second = images
    parked, interrupted = f"{name}-parked", f"{name}-interrupted"
    await pods.start(first)
    await place.publish(steps.job(interrupted, {"b": ["Go on?"]}))
    await settled(place, interrupted, "interrupted")
    await place.publish(steps.job(name, WAITS, thread=name))
    await place.publish(steps.job(parked, thread=name))
    await steps.until_begun(name, f"a@{first}", f"b@{first}")
    await until("the one after it is parked", lambda: is_parked(place, parked))
    other = await pods.start(second)
    for job in (parked, interrupted, name):
        assert await other.post(f"/jobs/{job}/cancel") == 202
    assert await at_rest(place, name) == dict.fromkeys((name, parked, interrupted), "cancelled")
    assert steps.begun(name) + steps.begun(parked) == [f"a@{first}", f"b@{first}"]
