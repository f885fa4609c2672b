"""Jobs that ask a person, wait in the ledger, and go on with the answer to the question that was asked."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from executor.embedded.loopback import wait_until
from executor.errors import LeaseLost
from executor.jobs.answers import NotAsked
from executor.jobs.caller import ANYBODY
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.steps import asks, job
from tests.integration.durable.workers import working
from tests.integration.world import asked, deep, event, writing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


async def test_an_interrupted_job_goes_on_with_its_answer_and_may_ask_again(place, steps, name):
    steps.acts[name, "b"] = asks("one?", "two?")
    after = f"{name}-after"
    async with working(place.environment, steps.graph()) as running:
        await place.publish(job(name, name))
        await becomes(place, name, "interrupted")
        await place.publish(job(after, name))
        await becomes(place, after, "parked")
        assert questions(await running.resources.register.job(name)) == ["one?"]
        await running.service.jobs.resume(name, "first", ANYBODY)
        await wait_until("it asks again", lambda: has_asked(place, name, 2))
        await becomes(place, name, "interrupted")
        await running.service.jobs.resume(name, "second", ANYBODY)
        with pytest.raises(NotAsked):
            await running.service.jobs.resume(name, "too late", ANYBODY)
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
        await running.service.jobs.resume(name, "first", ANYBODY)
        await lost.wait()
    async with working(place.environment, steps.graph()) as running:
        await becomes(place, name, "interrupted")
        [now] = await place.rows("SELECT result::text FROM jobs")
        assert ("one?" in before["result"], "two?" in now["result"]) == (True, True)
        await running.service.jobs.resume(name, "second", ANYBODY)
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
        shown = (await http.get(f"/jobs/{name}")).json()
        told = {"job_id": name, "status": "interrupted", **shown["result"]}
        assert (answer.status_code, answer.json()) == (200, told)
        assert shown["waiting"] == {"for": "person"}
        [question] = shown["result"]["interrupts"]
        assert question["value"]["action_requests"][0]["name"] == "write_file"
        decision = {"resume": {"decisions": [{"type": "approve"}]}}
        assert (await http.post(f"/jobs/{name}/resume", json=decision)).status_code == 202
        assert await at_rest(place, name) == {name: "completed"}
        assert (await http.post(f"/jobs/{name}/resume", json=decision)).status_code == 409
        final = (await http.get(f"/jobs/{name}")).json()["result"]["final_state"]
    assert final["files"]["/note"]["content"] == "calm sea"
    assert asked(model, name) == [0, 1]
