"""Whole services in processes of their own, killed where it matters most."""

import asyncio
import json
import signal

import pytest

from contract import Env
from executor.embedded.loopback import wait_until
from executor.worker.failpoints import POINTS, Point, with_failpoint
from tests.integration.durable.aftermath import at_rest
from tests.integration.durable.workers import working
from tests.integration.world import deep, event, unique, until, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

STEPS = ({"say": "One.", "call": [writing("/one")]}, {"say": "Two.", "call": [writing("/two")]}, {"say": "Done."})

CUT_SHORT = {"claimed", "running", "parked", "acknowledged"}  # the first runs when the second is parked, acknowledged


def calls(model, job):
    """For each request to the model that a job made, how many replies it had had by then."""
    found = []
    for request in model.requests:
        messages = request["messages"]
        last = max(n for n, message in enumerate(messages) if message["role"] == "user")
        if f"Job {job}." in json.dumps(messages[last]):
            found.append(sum(message["role"] == "assistant" for message in messages[last:]))
    return found


def work(job, **more):
    """A job of three model calls and two tool calls between them."""
    return event(job, *STEPS, definition=deep(), **more)


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_when_its_job_is(point, place, fork, model):
    """First alone, to its death; then a good one does what is left."""
    first, second = unique(), unique()
    thread = {"thread_id": unique("thread")}
    dying = fork(**{Env.EXECUTOR_CRASH_AT: point})
    await place.publish(work(first, **thread))
    await place.publish(work(second, **thread))
    assert await dying.ended() == -signal.SIGKILL
    async with working(place.environment):
        assert await at_rest(place, first, second) == {first: "completed", second: "completed"}
    assert await place.dead_letters() == []
    for job in (first, second):
        made = calls(model, job)
        assert (sorted(set(made)), sorted(made)) == ([0, 1, 2], made)
        assert len(made) <= 3 + (job == first and point in CUT_SHORT), "but for the call under way"
    found = await place.rows("SELECT job_id, earlier + attempts AS attempts FROM jobs")
    attempts = {row["job_id"]: row["attempts"] for row in found}
    assert attempts == {first: 2 if point in CUT_SHORT else 1, second: 1}
    ends = [entry["job"] for entry in await place.entries(thread["thread_id"]) if entry["type"] == "end"]
    assert sorted(ends) == sorted((first, second))


def test_where_no_point_is_named_nothing_stands_in_the_way():
    parts = Point("ledger", "claim")
    assert with_failpoint(parts, None) is parts


async def test_deaths_that_each_come_after_a_new_step_are_no_poison(place, fork, model):
    job = unique()
    await place.publish(work(job))
    few = {Env.EXECUTOR_MAX_ATTEMPTS: "2"}
    for _ in range(3):
        assert await fork(**few, **{Env.EXECUTOR_CRASH_AT: "running"}).ended() == -signal.SIGKILL
    async with working(place.environment, **few):
        assert await at_rest(place, job) == {job: "completed"}
    [completed] = await place.terminal()
    assert completed.data["attempts"] == 4
    assert calls(model, job) == [0, 1, 2]


async def test_a_job_that_kills_its_worker_each_time_ends_as_a_dead_letter(place, fork, model):
    job = unique()
    await place.publish(work(job))
    few = {Env.EXECUTOR_MAX_ATTEMPTS: "2"}
    for _ in range(2):
        assert await fork(**few, **{Env.EXECUTOR_CRASH_AT: "claimed"}).ended() == -signal.SIGKILL
    async with working(place.environment, **few):
        assert await at_rest(place, job) == {job: "failed"}
    [failed] = await place.terminal()
    assert failed.data["error"] == {
        "type": "worker_lost",
        "message": "its worker died in each of 2 attempts",
        "retryable": True,
        "attempts": 2,
    }
    [letter] = await place.dead_letters()
    assert (letter.headers["Dlq-Reason"], letter.headers["Dlq-Attempts"]) == ("exhausted", "2")
    assert calls(model, job) == []


async def test_a_worker_that_sleeps_past_its_lease_wakes_and_writes_nothing(place, fork, model):
    job = unique()
    sleeper = fork()
    await sleeper.until_ready()
    await place.publish(event(job, STEPS[0], {"say": "a b c d e f g h", "delay": 0.2}, definition=deep()))
    await until("its second step has begun", lambda: 1 in calls(model, job))
    sleeper.send(signal.SIGSTOP)
    async with working(place.environment):
        assert await at_rest(place, job) == {job: "completed"}
        [before] = await place.rows("SELECT * FROM jobs")
        count = "SELECT count(*) AS n FROM checkpoints"
        checkpoints = await place.rows(count)
        sleeper.send(signal.SIGCONT)
        await wait_until("it notices", lambda: says(sleeper, "lease lost", "given up", "outcome not written"), limit=20)
        assert await place.rows("SELECT * FROM jobs") == [before]
        assert await place.rows(count) == checkpoints
    after = unique()
    await place.publish(work(after))
    assert await at_rest(place, job, after) == {job: "completed", after: "completed"}
    assert before["earlier"] + before["attempts"] == 2
    assert calls(model, job).count(0) == 1
    sleeper.send(signal.SIGTERM)
    assert await sleeper.ended() == 0


async def says(service, *words):
    text = service.log.read_text()
    return any(word in text for word in words)


async def test_a_rollout_under_load_loses_nothing_and_repeats_no_finished_step(place, fork, model):
    """Each of two is replaced in turn while jobs keep coming, some of them on threads."""
    jobs, stop = [], asyncio.Event()
    services = [fork(), fork()]
    for service in services:
        await service.until_ready()

    async def load():
        while not stop.is_set():
            jobs.append(unique())
            slow = {"say": "a b c", "call": [writing("/two")], "delay": 0.1}
            thread = {"thread_id": f"{jobs[0]}-thread-{len(jobs) % 3}"} if len(jobs) % 2 else {}
            await place.publish(event(jobs[-1], STEPS[0], slow, STEPS[2], definition=deep(), **thread))
            await asyncio.sleep(0.15)

    loading = asyncio.create_task(load())
    for old in services:
        new = fork()
        await new.until_ready()
        old.send(signal.SIGTERM)
        assert await old.ended() == 0
    stop.set()
    await loading
    assert await at_rest(place, *jobs) == dict.fromkeys(jobs, "completed")
    assert {row["attempts"] for row in await place.rows("SELECT attempts FROM jobs")} == {1}
    assert {job: calls(model, job) for job in jobs} == {job: [0, 1, 2] for job in jobs}
    assert await place.dead_letters() == []


async def test_two_services_begin_the_jobs_of_a_thread_in_the_order_of_the_stream(place, fork):
    services = [fork(), fork()]
    for service in services:
        await service.until_ready()
    jobs, thread = [unique() for _ in range(20)], unique("thread")
    for job in jobs:
        await place.publish(event(job, thread_id=thread))
    await at_rest(place, *jobs)
    begun = await place.rows("SELECT job_id FROM jobs ORDER BY started_at")
    assert [row["job_id"] for row in begun] == jobs
