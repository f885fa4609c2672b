"""Both images mean the same by an id, of a job, an event or an entry, and say the same of the same."""

import json

import pytest

from contract import Env
from tests.integration.durable.aftermath import at_rest
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio


async def test_the_same_job_sent_to_the_other_is_the_same_and_other_content_is_a_conflict(
    place, pods, images, steps, name
):
    first, second = images
    same, different = steps.job(name), steps.job(name, {"b": ["Go on?"]})
    leaving = await pods.start(first)
    await place.publish(same)
    await settled(place, name, "completed")
    await leaving.kill()
    other = await pods.start(second)
    assert [await other.post("/", same), await other.post("/", different)] == [202, 409]
    await place.publish(same)
    await place.publish(different)
    assert await at_rest(place, name) == {name: "completed"}
    assert await place.words(name) == ["started", "completed"]
    assert steps.begun(name) == [f"{step}@{first}" for step in "abc"]
    assert [(letter.word, letter.event) for letter in await place.dead_letters()] == [("conflict", different)]
    pods.expected.add("refused: the id belongs to a job with other content")


async def test_a_job_that_both_worked_on_is_told_alike_by_both(place, pods, images, steps, name):
    first, second = images
    asking = await pods.start(first)
    await place.publish(steps.job(name, {"b": ["Go on?"]}))
    await settled(place, name, "interrupted")
    await asking.kill()
    other = await pods.start(second)
    assert await other.post(f"/jobs/{name}/resume", {"resume": "Yes."}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    services = (other, await pods.start(first))
    one, two = [(await pod.get(f"/jobs/{name}")).json() for pod in services]
    assert without_agent(one) == without_agent(two)
    one, two = [(await pod.get("/jobs")).json() for pod in services]
    assert list(map(without_agent, one["jobs"])) == list(map(without_agent, two["jobs"]))
    one, two = [entries(await pod.get(f"/jobs/{name}/events")) for pod in services]
    assert one == two
    assert [entry["data"]["done"][0] for _, entry in one if entry["type"] == "state"] == [
        f"a@{first}", f"b@{second}", f"c@{second}",
    ]  # fmt: skip
    for n, (last, _) in enumerate(one[:-1], start=1):
        rest = await services[n % 2].get(f"/jobs/{name}/events", **{"last-event-id": last})
        assert entries(rest) == one[n:]


def without_agent(job):
    """What the landed image does not say yet."""
    return {name: value for name, value in job.items() if name != "agent"}


def entries(answer):
    """The ids and data of server-sent events."""
    fields = [dict(line.split(": ", 1) for line in event.split("\n")) for event in answer.text.split("\n\n") if event]
    return [(field["id"], json.loads(field["data"])) for field in fields]


async def test_both_say_the_same_of_the_same_jobs(place, pods, both, steps, name):
    told = []
    for image in both:
        good, bad = f"{name}-{image}-good", f"{name}-{image}-bad"
        pod = await pods.start(image, **{Env.EXECUTOR_MAX_ATTEMPTS: "1"})
        await place.publish(steps.job(good))
        await place.publish(steps.job(bad, {"b": ["fail"]}))
        words = await at_rest(place, good, bad)
        assert (words[good], words[bad]) == ("completed", "failed")
        await pod.kill()
        facts = [*await place.facts(good), *await place.facts(bad), (await place.dead_letters())[-1]]
        told.append([alike(fact, image) for fact in facts])
    assert told[0] == told[1]
    pods.expected.add("job failed")


def alike(fact, image):
    """What was said, without the name of the image and the time."""
    event = fact.event | {"time": None, "data": fact.data | {"duration_ms": None}}
    said = json.dumps([fact.word, dict(fact.headers), event], sort_keys=True)
    return said.replace(f"-{image}-", "-").replace(f"@{image}", "")
