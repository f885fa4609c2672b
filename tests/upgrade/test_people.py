"""Jobs that ask a person: asked by one image, answered at the other, finished by either."""

import asyncio

import pytest

from tests.integration.durable.aftermath import at_rest
from tests.integration.world import asked, deep, event, unique, until, writing
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio

ASKS_TWICE = {"b": ["One?", "Two?"]}


async def test_a_job_asks_twice_each_time_answered_at_the_other_image(place, pods, images, steps, name):
    first, second = images
    asking = await pods.start(first)
    await place.publish(steps.job(name, ASKS_TWICE))
    for image, question in ((second, "One?"), (first, "Two?")):
        await until(f"it asks {question}", lambda pod=asking, question=question: asks(pod, name, question))
        await settled(place, name, "interrupted")
        await asking.kill()
        asking = await pods.start(image)
        assert await asking.post(f"/jobs/{name}/resume", {"resume": f"{question} Yes."}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    assert steps.begun(name) == [f"a@{first}", f"b@{first}", f"b@{second}", f"b@{first}", f"c@{first}"]
    facts = await place.facts(name)
    assert [fact.word for fact in facts] == ["started", "interrupted", "interrupted", "completed"]
    assert facts[-1].data["result"]["final_state"]["done"] == [
        f"a@{first}", f"b@{first}", "One? Yes.", "Two? Yes.", f"c@{first}",
    ]  # fmt: skip


async def test_jobs_are_answered_at_either_while_both_work(place, pods, both, steps):
    jobs = [unique() for _ in range(10)]
    services = await asyncio.gather(*map(pods.start, both))
    for job in jobs:
        await place.publish(steps.job(job, ASKS_TWICE))
    for turn, question in enumerate(ASKS_TWICE["b"]):
        for n, job in enumerate(jobs):
            pod = services[(n + turn) % 2]
            await until(f"{job} asks {question}", lambda pod=pod, job=job, asked=question: asks(pod, job, asked))
            assert await pod.post(f"/jobs/{job}/resume", {"resume": f"{question} {job}"}) == 202
    assert await at_rest(place, *jobs) == dict.fromkeys(jobs, "completed")
    answers = {
        fact.event["subject"]: fact.data["result"]["final_state"]["done"][2:4] for fact in await place.terminal()
    }
    assert answers == {job: [f"One? {job}", f"Two? {job}"] for job in jobs}


async def asks(pod, job, question):
    """Whether an image shows that the job asks just this."""
    shown = await pod.get(f"/jobs/{job}")
    asked = (shown.json().get("result") or {}).get("interrupts", ())
    return [each["value"] for each in asked] == [question]


async def test_questions_asked_at_once_are_answered_one_by_one_whoever_goes_on(place, pods, both, steps, name):
    """Both are there: either takes an answer, and either goes on with what is still open."""
    asking = await pods.start(both[1])
    await place.publish(steps.job(name, graph="branches"))
    await settled(place, name, "interrupted")
    await asking.kill()
    _, new = await asyncio.gather(*map(pods.start, both))
    ids = {each["value"]: each["id"] for each in (await new.get(f"/jobs/{name}")).json()["result"]["interrupts"]}
    assert await new.post(f"/jobs/{name}/resume", {"resume": {ids["x"]: "1"}}) == 202
    await until("only y is asked", lambda: asks(new, name, "y"))
    assert await new.post(f"/jobs/{name}/resume", {"resume": {ids["y"]: "2"}}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    [completed] = await place.terminal()
    assert sorted(completed.data["result"]["final_state"]["done"]) == ["x=1", "y=2"]


async def test_questions_that_one_asks_are_answered_one_by_one_at_the_other(place, pods, images, steps, name):
    first, second = images
    asking = await pods.start(first)
    await place.publish(steps.job(name, graph="branches"))
    await settled(place, name, "interrupted")
    await asking.kill()
    pod = await pods.start(second)
    ids = {each["value"]: each["id"] for each in (await pod.get(f"/jobs/{name}")).json()["result"]["interrupts"]}
    assert await pod.post(f"/jobs/{name}/resume", {"resume": {ids["x"]: "1"}}) == 202
    await until("only y is asked", lambda: asks(pod, name, "y"))
    assert await pod.post(f"/jobs/{name}/resume", {"resume": {ids["y"]: "2"}}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    [completed] = await place.terminal()
    assert sorted(completed.data["result"]["final_state"]["done"]) == ["x=1", "y=2"]


async def test_a_tool_call_that_one_asks_about_is_approved_at_the_other(place, pods, images, model, name):
    first, second = images
    turns = ({"call": [writing("/note", "calm sea")]}, {"say": "Done."})
    asking = await pods.start(first)
    await place.publish(event(name, *turns, definition=deep(interrupt_on={"write_file": True})))
    await settled(place, name, "interrupted")
    await asking.kill()
    other = await pods.start(second)
    assert await other.post(f"/jobs/{name}/resume", {"resume": {"decisions": [{"type": "approve"}]}}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    [completed] = await place.terminal()
    assert completed.data["result"]["final_state"]["files"]["/note"]["content"] == "calm sea"
    assert asked(model, name) == [0, 1]
    assert await place.words(name) == ["started", "interrupted", "completed"]
