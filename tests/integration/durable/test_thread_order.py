"""Jobs of a thread begin in the order of the stream, whichever workers they went to."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

import pytest

from executor.embedded.loopback import wait_until
from executor.errors import TryAgain
from tests.integration.durable.steps import job
from tests.integration.durable.workers import working

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


class Stalling:
    """A ledger whose worker stalls between the taking of a message and its claim."""

    def __init__(self, behind, stall):
        self._behind = behind
        self._stall = stall

    def __getattr__(self, name):
        return getattr(self._behind, name)

    async def claim(self, identity, *more):
        await self._stall(identity.job_id)
        return await self._behind.claim(identity, *more)


def stalling(stall):
    return lambda parts: replace(parts, ledger=Stalling(parts.ledger, stall))


def names(count, tag=None):
    tag = tag or uuid.uuid4().hex[:6]
    return [f"{tag}-{n:03}" for n in range(count)]


async def publish(place, jobs, threads=1):
    """Back to back, thread by thread in turn."""
    for n, name in enumerate(jobs):
        await place.publish(job(name, f"{jobs[0]}-thread-{n % threads}"))


def order(steps, jobs):
    return [name for name, node in steps.begun if node == "a" and name in jobs]


async def test_jobs_of_a_thread_begin_in_order_over_and_over_also_where_workers_dawdle(place, steps):
    jobs, threads, random = names(48), 6, Random(1)  # noqa: S311 - it is to be the same each time

    async def dawdle(_):
        await asyncio.sleep(random.choice([0, 0, 0.01, 0.05]))

    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(working(place.environment, steps.graph(), stalling(dawdle)))
        await publish(place, jobs, threads)
        await place.ended(*jobs)
    for thread in range(threads):
        mine = jobs[thread::threads]
        assert order(steps, mine) == mine
    assert {steps.of(name) for name in jobs} == {"abc"}


async def test_a_job_waits_for_the_one_before_it_that_another_worker_has_taken_and_not_claimed(place, steps):
    first, second = names(2)
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def stall(job_id):
        if job_id == first and not go_on.is_set():
            taken.set()
            await go_on.wait()

    async with (
        working(place.environment, steps.graph(), stalling(stall), EXECUTOR_CONCURRENCY="1"),
        working(place.environment, steps.graph(), stalling(stall), EXECUTOR_CONCURRENCY="1"),
    ):
        await publish(place, [first, second])
        await taken.wait()
        await wait_until("both are taken", lambda: pending(place, 2))
        assert steps.begun == []
        go_on.set()
        await place.ended(first, second)
    assert order(steps, [first, second]) == [first, second]


async def pending(place, count):
    info = await place.client.jetstream().consumer_info(place.names.stream, place.names.consumer)
    return info.num_ack_pending == count


async def test_a_job_does_not_wait_for_ever_for_one_whose_worker_died_with_it(place, steps):
    """Its own worker waits as long as the broker does before it gives the other one to somebody else."""
    first, second = names(2)
    died: list[str] = []

    async def die(job_id):
        if job_id == first and not died:
            died.append(job_id)
            await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        dying = asyncio.create_task(never_ends(place, steps, stalling(die)))
        stack.callback(dying.cancel)
        await publish(place, [first])
        await wait_until("it is taken", lambda: pending(place, 1))
        await stack.enter_async_context(working(place.environment, steps.graph()))
        await publish(place, [first, second])
        await place.ended(first, second)
    assert sorted(order(steps, [first, second])) == [first, second]
    assert {steps.of(first), steps.of(second)} == {"abc"}


async def never_ends(place, steps, parts):
    async with working(place.environment, steps.graph(), parts, EXECUTOR_CONCURRENCY="1"):
        await asyncio.Event().wait()


async def test_jobs_given_back_before_they_began_still_come_in_order(place, steps):
    """As after a moment without the database: every first delivery ends in a nak."""
    jobs, refused = names(6), set()

    async def refuse(job_id):
        if job_id not in refused:
            refused.add(job_id)
            raise TryAgain("the database is away")

    async with (
        working(place.environment, steps.graph(), stalling(refuse)),
        working(place.environment, steps.graph(), stalling(refuse)),
    ):
        await publish(place, jobs)
        await place.ended(*jobs)
    assert order(steps, jobs) == jobs
