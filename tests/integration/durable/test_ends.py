"""How jobs end: retries, time, cancellation; whatever they do, one terminal event."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from executor.errors import Rejected
from executor.jobs.caller import ANYBODY
from tests.integration.durable.aftermath import at_rest, becomes, state
from tests.integration.durable.steps import asks, fails, job, until
from tests.integration.durable.workers import submit, working

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


async def test_what_fails_is_tried_again_from_its_last_step_until_it_works(place, steps, name):
    steps.acts[name, "b"] = fails(2)
    await place.publish(job(name))
    async with working(place.environment, steps.graph()):
        assert await at_rest(place, name) == {name: "completed"}
    [told] = await place.terminal()
    assert (told.data["attempts"], told.data["result"]["final_state"]["done"]) == (3, ["a", "b", "c"])
    assert steps.of(name) == "abbbc"


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
            await asyncio.gather(one.service.jobs.cancel(name, ANYBODY), two.service.jobs.cancel(name, ANYBODY))
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
        await running.service.jobs.cancel(name, ANYBODY)
        assert await state(place, name) == "cancelled"
        go_on.set()
        words = await at_rest(place, name)
    assert words == {name: "cancelled"} | {f"{name}-{n}": "completed" for n in range(5)}
    assert steps.of(name) == ""
