"""Many jobs on one thread: they come one after the other, and nobody else waits for them."""

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest

from executor.embedded.loopback import wait_until
from executor.ledger.sql import sweeps as sql
from executor.worker.processor import IN_A_ROW
from tests.integration.durable.steps import job, until
from tests.integration.durable.workers import working
from tests.integration.world import deep, event, unique, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

NOTHING = "SELECT job_id, wakes FROM jobs WHERE false"


def names(tag, count):
    return [f"{tag}-{number:03}" for number in range(count)]


def begun(steps):
    return [name for name, node in steps.begun if node == "a"]


async def messages(place):
    info = await place.client.jetstream().stream_info(place.names.stream)
    return info.state.messages


async def have_ended(place, jobs):
    return set(jobs) <= {fact.event["subject"] for fact in await place.terminal()}


async def state(place):
    info = await place.client.jetstream().consumer_info(place.names.stream, place.names.consumer)
    return info.num_ack_pending, info.num_pending


async def test_a_flood_of_one_thread_runs_in_order_and_holds_nobody_up(place, steps):
    flood, others = names("flood", 60), names("other", 10)
    gate = asyncio.Event()
    steps.acts[flood[0], "a"] = until(gate)
    for name in flood:
        await place.publish(job(name, "one"))
    for name in others:
        await place.publish(job(name))
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(working(place.environment, steps.graph()))
        await wait_until("the others ended", lambda: have_ended(place, others))
        assert [name for name in begun(steps) if name in flood] == flood[:1]
        gate.set()
        await place.ended(*flood)
    assert [name for name in begun(steps) if name in flood] == flood
    assert {steps.of(name) for name in flood + others} == {"abc"}
    woken = await messages(place) - len(flood) - len(others)
    assert woken < len(flood) / 5, "a sweep may come in between"


async def test_the_broker_counts_a_place_that_is_taken_by_the_next_of_a_thread(place, steps):
    first, second = names("job", 2)
    gates = {name: asyncio.Event() for name in (first, second)}
    for name, gate in gates.items():
        steps.acts[name, "b"] = until(gate)
    async with working(place.environment, steps.graph()):
        await place.publish(job(first, "one"))
        await wait_until("the first is at work", lambda: has(steps, (first, "b")))
        await place.publish(job(second, "one"))
        await wait_until("the second is parked", lambda: is_state(place, (1, 0)))
        gates[first].set()
        await wait_until("the second is at work", lambda: has(steps, (second, "b")))
        assert await state(place) == (1, 0)
        gates[second].set()
        await place.ended(first, second)
        await wait_until("it is acknowledged", lambda: is_state(place, (0, 0)))


async def has(steps, step):
    return step in steps.begun


async def is_state(place, wanted):
    return await state(place) == wanted


async def test_a_thread_with_many_jobs_lets_others_have_the_only_place_in_turn(place, steps):
    flood, other = names("flood", 3 * IN_A_ROW), "other"
    gate = asyncio.Event()
    steps.acts[flood[0], "a"] = until(gate)
    async with working(place.environment, steps.graph(), EXECUTOR_CONCURRENCY="2"):
        for name in flood:
            await place.publish(job(name, "one"))
        await wait_until("all but the first are parked", lambda: is_state(place, (1, 0)))
        holding = asyncio.Event()
        steps.acts["holder", "a"] = until(holding)
        await place.publish(job("holder"))
        await wait_until("both places are taken", lambda: has(steps, ("holder", "a")))
        await place.publish(job(other))
        gate.set()
        await wait_until("it ended", lambda: have_ended(place, [other]))
        assert begun(steps).index(other) <= IN_A_ROW + 2
        holding.set()
        await place.ended(*flood, "holder")
    assert [name for name in begun(steps) if name in flood] == flood


@pytest.mark.usefixtures("model")
async def test_whoever_dies_with_the_next_of_a_thread_is_followed_by_the_broker(place, fork, monkeypatch):
    """No sweep brings it back here: the message of the first job does, for which it was not acknowledged."""
    monkeypatch.setattr(sql, "WAKE_AGAIN", NOTHING)
    first, second, thread = unique(), unique(), unique("thread")
    dying = fork()
    await dying.until_ready()
    held = {"say": "One.", "call": [writing("/one")], "delay": 0.5}
    await place.publish(event(first, held, {"say": "Done."}, definition=deep(), thread_id=thread))
    await wait_until("the first is at work", lambda: is_state(place, (1, 0)))
    await place.publish(event(second, held, held, {"say": "Done."}, definition=deep(), thread_id=thread))
    await wait_until("the first ended", lambda: have_ended(place, [first]))
    await wait_until("the second is at work", lambda: is_running(place, second))
    dying.send(signal.SIGKILL)
    await dying.ended()
    async with working(place.environment):
        await place.ended(first, second)
    assert await place.dead_letters() == []


async def is_running(place, job_id):
    return bool(await place.rows(f"SELECT FROM jobs WHERE job_id = '{job_id}' AND status = 'running'"))
