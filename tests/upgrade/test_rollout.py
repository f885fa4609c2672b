"""A rollout and its way back: the tables, then the pods, while jobs keep coming."""

from collections import defaultdict

import pytest

from executor import migrate
from tests.integration.durable.aftermath import at_rest
from tests.integration.world import asked, deep, event, unique, writing

pytestmark = pytest.mark.anyio

VERSIONS = "SELECT version FROM executor_migrations ORDER BY version"
TURNS = ({"say": "a b c", "call": [writing("/one")], "delay": 0.05}, {"say": "d e f", "delay": 0.05})


async def test_the_new_streams_and_tables_are_made_while_the_old_image_works_and_goes_on(bare, pods, both, steps):
    """And once more by the old one, as its init container does when a rollout is taken back."""
    old, new = both
    await pods.provision(old)
    await pods.start(old)
    before, after, back = (unique() for _ in range(3))
    await bare.publish(steps.job(before, {"b": ["wait"]}))
    await steps.until_begun(before, "a@old", "b@old")
    await pods.provision(new)
    assert [row["version"] for row in await bare.rows(VERSIONS)] == versions(new)
    await bare.publish(steps.job(after))
    await steps.until_begun(after, "a@old", "b@old", "c@old")
    await pods.provision(old)
    await bare.publish(steps.job(back))
    steps.open(before, "b")
    assert await at_rest(bare, before, after, back) == dict.fromkeys((before, after, back), "completed")
    assert steps.begun(back) == ["a@old", "b@old", "c@old"]


def versions(image):
    return [migration.version for migration in migrate.read(image.migrations)]


async def test_sixty_jobs_during_a_rollout_and_back_end_once_each_and_those_of_a_thread_in_order(
    place, pods, both, steps, model
):
    old, new = both
    names = [unique() for _ in range(60)]
    load = [work(steps, n, name, names[0]) for n, name in enumerate(names)]
    first = await pods.start(old)
    await publish(place, load[:20])
    second = await pods.start(new)
    await publish(place, load[20:40])
    await leave(place, first)
    await pods.start(old)
    await publish(place, load[40:])
    await leave(place, second)
    assert await at_rest(place, *names) == dict.fromkeys(names, "completed")
    assert await place.dead_letters() == []
    jobs = await place.rows("SELECT job_id, thread_id, attempts FROM jobs ORDER BY started_at")
    assert by_thread(jobs) == by_thread([each["data"] for each in load])
    assert {job["attempts"] for job in jobs} == {1}
    assert {name: asked(model, name) for name in names[3::4]} == {name: [0, 1] for name in names[3::4]}
    begun = [mark.split("@") for name in names[::2] for mark in steps.begun(name)]
    assert "".join(step for step, _ in begun) == "abc" * 30
    assert {image for _, image in begun} == {"old", "new"}


def work(steps, n, name, tag):
    """Every other job is an agent; of four, two are on one of four threads, each of jobs of a kind."""
    thread = f"{tag}-{n % 8}" if n % 4 < 2 else name
    return event(name, *TURNS, definition=deep(), thread_id=thread) if n % 2 else steps.job(name, thread=thread)


async def publish(place, events):
    for each in events:
        await place.publish(each)


async def leave(place, pod):
    """SIGTERM while there is work."""
    assert await place.unfinished()
    assert await pod.stop() == 0


def by_thread(jobs):
    found = defaultdict(list)
    for job in jobs:
        found[job["thread_id"]].append(job["job_id"])
    return found
