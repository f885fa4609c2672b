"""Dead letters: what becomes one, what is told when there is no stream for it, and its replay."""

import asyncio

import pytest

from executor.broker import DeadLetters, connect
from executor.embedded.loopback import wait_until
from executor.errors import Rejected
from tests import rig
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.steps import fails, job, until
from tests.integration.durable.workers import shorten_ack_wait, working

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


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
