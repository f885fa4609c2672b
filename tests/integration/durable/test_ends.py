"""How jobs end: retries, time, people; whatever they do, one terminal event."""

import asyncio
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from langgraph.types import interrupt

from executor.broker import DeadLetters, connect
from executor.embedded.loopback import wait_until
from executor.errors import LeaseLost, Rejected
from tests import rig
from tests.integration.durable.aftermath import at_rest, becomes, state
from tests.integration.durable.steps import job, until
from tests.integration.durable.workers import shorten_ack_wait, submit, working
from tests.integration.world import asked, deep, event, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

AWAY = OSError("the world is away")


@pytest.fixture
def name():
    return f"job-{uuid.uuid4().hex[:8]}"


def fails(times=sys.maxsize, error=AWAY):
    """Fails so many times, then works."""
    left = iter(range(times))

    async def act():
        if next(left, None) is not None:
            raise error

    return act


def asks(*questions):
    """One interrupt after another; the answers become the step's."""

    async def act():
        return "+".join([interrupt(question) for question in questions])

    return act


async def test_what_fails_is_tried_again_from_its_last_step_until_it_works(place, steps, name):
    steps.acts[name, "b"] = fails(2)
    await place.publish(job(name))
    async with working(place.environment, steps.graph()):
        assert await at_rest(place, name) == {name: "completed"}
    [told] = await place.terminal()
    assert (told.data["attempts"], told.data["result"]["final_state"]["done"]) == (3, ["a", "b", "c"])
    assert steps.of(name) == "abbbc"


async def test_what_fails_each_time_is_a_dead_letter_and_begins_anew_once_when_it_is_replayed(place, steps, name):
    steps.acts[name, "b"] = fails(4)
    await place.publish(job(name), {"X-Own": "kept"})
    async with working(place.environment, steps.graph(), EXECUTOR_MAX_ATTEMPTS="2"):
        assert await at_rest(place, name) == {name: "failed"}
        [letter] = await place.dead_letters()
        assert (letter.word, letter.headers["Dlq-Attempts"], letter.headers["X-Own"]) == ("exhausted", "2", "kept")
        await replay_all(place)
        await wait_until("it failed again", lambda: there_are(place, 2))
        assert [fact.event["id"] for fact in await place.terminal()] == [f"{name}:failed", f"{name}:failed:replay-1"]
        await replay_all(place)
        await becomes(place, name, "completed")
    assert steps.of(name) == "abbbbbc"
    assert await place.dead_letters() == []


async def there_are(place, count):
    return len(await place.terminal()) == count and len(await place.dead_letters()) == 1


async def replay_all(place):
    async with connect(place.names) as broker:
        letters = DeadLetters(broker)
        for letter in [letter async for letter in letters.all()]:
            await letters.replay(letter)


async def test_without_a_stream_of_dead_letters_the_event_is_told_once_and_the_letter_follows(place, steps, name):
    steps.acts[name, "a"] = fails(error=Rejected("bad", "no"))
    await place.client.jetstream().delete_stream(place.names.dead_letter_stream)
    async with working(place.environment, steps.graph()):
        await place.publish(job(name))
        await wait_until("only the event is marked", lambda: marked(place, name, {f"{name}:failed"}))
        await rig.provision(place.environment)
        await shorten_ack_wait(place.environment)
        assert await at_rest(place, name) == {name: "failed"}
    assert [letter.word for letter in await place.dead_letters()] == ["bad"]


async def marked(place, name, ids):
    rows = await place.rows("SELECT id, published_at FROM outbox")
    assert {row["id"] for row in rows} <= {f"{name}:failed", f"{name}:dlq"}
    return {row["id"] for row in rows if row["published_at"]} == ids


async def test_a_replay_on_a_busy_thread_is_not_lost(place, steps, name):
    after, go_on = f"{name}-after", asyncio.Event()
    steps.acts[name, "b"] = fails(1, error=Rejected("bad", "no"))
    steps.acts[after, "b"] = until(go_on)
    async with working(place.environment, steps.graph()):
        await place.publish(job(name, "thread" + name))
        assert await at_rest(place, name) == {name: "failed"}
        await place.publish(job(after, "thread" + name))
        await becomes(place, after, "running")
        await replay_all(place)
        await becomes(place, name, "parked")
        go_on.set()
        await becomes(place, name, "completed")


@pytest.mark.parametrize("error", [Rejected("bad_luck", "it is bad"), PermissionError("x")])
async def test_only_what_will_never_work_ends_at_once(place, steps, name, error):
    steps.acts[name, "a"] = fails(1, error=error)
    await place.publish(job(name))
    async with working(place.environment, steps.graph()):
        ended = await at_rest(place, name)
    assert (ended[name], steps.of(name)) == (("failed", "a") if isinstance(error, Rejected) else ("completed", "aabc"))


async def test_a_job_that_takes_too_long_fails(place, steps, name):
    steps.acts[name, "b"] = until(asyncio.Event())
    await place.publish(job(name))
    async with working(place.environment, steps.graph(), EXECUTOR_JOB_TIMEOUT_SECONDS="0.5"):
        assert await at_rest(place, name) == {name: "failed"}
    [told] = await place.terminal()
    assert told.data["error"]["type"] == "timeout"


async def test_a_job_begins_when_it_is_due_and_later_ones_of_its_thread_do_not_wait(place, steps, name):
    after = f"{name}-after"
    due = datetime.now(UTC) + timedelta(seconds=2)
    await place.publish(job(name, "thread" + name, notbefore=due.isoformat()))
    await place.publish(job(after, "thread" + name))
    async with working(place.environment, steps.graph()):
        assert await at_rest(place, name, after) == {name: "completed", after: "completed"}
    begun = {row["job_id"]: row["started_at"] for row in await place.rows("SELECT job_id, started_at FROM jobs")}
    assert begun[after] < due <= begun[name] < due + timedelta(seconds=5)
    assert [mine for mine, node in steps.begun if node == "a"] == [after, name]


async def test_a_job_whose_time_is_over_fails_and_is_never_begun(place, steps, name):
    await place.publish(job(name, expirytime="2020-01-01T00:00:00Z"))
    async with working(place.environment, steps.graph()):
        assert await at_rest(place, name) == {name: "failed"}
    [told] = await place.terminal()
    assert (told.data["error"]["type"], steps.begun) == ("expired", [])


async def test_a_job_that_does_not_want_to_wait_for_its_thread_fails_also_over_http(place, steps, name):
    go_on, other = asyncio.Event(), f"{name}-http"
    steps.acts[name, "a"] = until(go_on)
    thread = "thread" + name
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name, thread))
        await becomes(place, name, "running")
        await place.publish(job(f"{name}-nats", thread, multitask="reject"))
        await submit(running, job(other, thread, multitask="reject"))
        await becomes(place, other, "failed")
        await becomes(place, f"{name}-nats", "failed")
        go_on.set()
        words = await at_rest(place, name, other, f"{name}-nats")
    assert words == {name: "completed", other: "failed", f"{name}-nats": "failed"}
    assert {letter.word for letter in await place.dead_letters()} == {"thread_busy"}
    assert {mine for mine, _ in steps.begun} == {name}


@pytest.mark.parametrize("how", ["service", "subject"])
@pytest.mark.parametrize("when", ["running", "parked", "interrupted", "retrying"])
async def test_a_job_is_cancelled_once_whatever_it_does(place, steps, name, when, how):
    busy, go_on = f"{name}-busy", asyncio.Event()
    if when == "parked":
        steps.acts[busy, "a"] = until(go_on)
        await place.publish(job(busy, "thread" + name))
    steps.acts[name, "b"] = {
        "running": until(asyncio.Event()),
        "interrupted": asks("sure?"),
        "retrying": fails(),
    }.get(when, until(go_on))
    async with (
        working(place.environment, steps.graph()) as one,
        working(place.environment, steps.graph()) as two,
    ):
        await place.publish(job(name, "thread" + name))
        await becomes(place, name, "queued" if when == "retrying" else when)
        if how == "service":
            await asyncio.gather(one.service.jobs.cancel(name), two.service.jobs.cancel(name))
        else:
            await place.client.publish(place.names.subject("cancel", name))
        await becomes(place, name, "cancelled")
        go_on.set()
        words = await at_rest(place, name, *([busy] if when == "parked" else []))
    assert words[name] == "cancelled"
    assert await place.dead_letters() == []


async def test_a_job_over_http_is_cancelled_before_anybody_took_it(place, steps, name):
    async with working(place.environment, steps.graph()) as running:
        go_on = asyncio.Event()
        for n in range(5):
            steps.acts[f"{name}-{n}", "a"] = until(go_on)
            await submit(running, job(f"{name}-{n}"))
            await becomes(place, f"{name}-{n}", "running")
        await submit(running, job(name))
        assert await state(place, name) == "queued"
        await running.service.jobs.cancel(name)
        assert await state(place, name) == "cancelled"
        go_on.set()
        words = await at_rest(place, name)
    assert words == {name: "cancelled"} | {f"{name}-{n}": "completed" for n in range(5)}
    assert steps.of(name) == ""


async def test_an_interrupted_job_goes_on_with_its_answer_and_may_ask_again(place, steps, name):
    steps.acts[name, "b"] = asks("one?", "two?")
    after = f"{name}-after"
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name, name))
        await becomes(place, name, "interrupted")
        await place.publish(job(after, name))
        await becomes(place, after, "parked")
        assert questions(await running.resources.register.job(name)) == ["one?"]
        assert await running.service.jobs.resume(name, "first")
        await wait_until("it asks again", lambda: has_asked(place, name, 2))
        await becomes(place, name, "interrupted")
        assert await running.service.jobs.resume(name, "second")
        assert not await running.service.jobs.resume(name, "too late")
        assert await at_rest(place, name, after) == {name: "completed", after: "completed"}
    facts = await place.facts(name)
    assert facts[-1].data["result"]["final_state"]["done"] == ["a", "b=first+second", "c"]
    assert len({fact.event["id"] for fact in facts if fact.word == "interrupted"}) == 2


def questions(job):
    return [each["value"] for each in job.result["interrupts"]]


async def has_asked(place, name, times):
    return (await place.words(name)).count("interrupted") == times


async def test_an_answer_is_never_given_to_the_question_after_it(place, steps, name):
    """The worker dies when the next question is in the checkpoint and not in the ledger."""
    steps.acts[name, "b"] = asks("one?", "two?")
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name))
        await becomes(place, name, "interrupted")
    [before] = await place.rows("SELECT result::text FROM jobs")
    lost = asyncio.Event()
    async with working(place.environment, steps.graph(), parts=losing(lost)) as running:
        await running.service.jobs.resume(name, "first")
        await lost.wait()
    async with working(place.environment, steps.graph()) as running:
        await becomes(place, name, "interrupted")
        [now] = await place.rows("SELECT result::text FROM jobs")
        assert ("one?" in before["result"], "two?" in now["result"]) == (True, True)
        await running.service.jobs.resume(name, "second")
        assert await at_rest(place, name) == {name: "completed"}
    [told] = await place.terminal()
    assert told.data["result"]["final_state"]["done"] == ["a", "b=first+second", "c"]


def losing(lost):
    """A worker whose outcomes never reach the ledger, which looks to the others as if it had died."""

    class Ledger:
        def __init__(self, behind):
            self._behind = behind

        def __getattr__(self, name):
            return getattr(self._behind, name)

        async def finish(self, claim, *_):
            lost.set()
            raise LeaseLost(claim.job_id)

    return lambda parts: replace(parts, ledger=Ledger(parts.ledger))


async def test_a_person_approves_a_tool_call_over_http(place, fork, model, name):
    definition = deep(interrupt_on={"write_file": True})
    turns = ({"call": [writing("/note", "calm sea")]}, {"say": "Done."})
    service = fork()
    await service.until_ready()
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as http:
        body = event(name, *turns, definition=definition)
        answer = await http.post(
            "/", json=body, headers={"content-type": "application/cloudevents+json", "prefer": "wait=30"}
        )
        assert (answer.status_code, answer.json()) == (200, {"job_id": name, "status": "interrupted"})
        shown = (await http.get(f"/jobs/{name}")).json()
        [question] = shown["result"]["interrupts"]
        assert question["value"]["action_requests"][0]["name"] == "write_file"
        decision = {"resume": {"decisions": [{"type": "approve"}]}}
        assert (await http.post(f"/jobs/{name}/resume", json=decision)).status_code == 202
        assert await at_rest(place, name) == {name: "completed"}
        assert (await http.post(f"/jobs/{name}/resume", json=decision)).status_code == 409
        final = (await http.get(f"/jobs/{name}")).json()["result"]["final_state"]
    assert final["files"]["/note"]["content"] == "calm sea"
    assert asked(model, name) == [0, 1]
