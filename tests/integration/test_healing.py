"""A thread whose last tool call has no answer goes on: the model refuses what OpenAI refuses."""

import pytest

from tests.integration.world import deep, event, lone, unique, until, writing

pytestmark = pytest.mark.anyio

AFTER = {"say": "All is well."}


def conversation(model, job_id):
    """What the model saw of a job, last."""
    return next(request["messages"] for request in reversed(model.requests) if f"Job {job_id}." in str(request))


async def goes_on(running, model, thread, definition):
    after = unique()
    await running.publish(event(after, AFTER, thread_id=thread, definition=definition))
    [completed] = await running.ended(after)
    assert (completed.word, completed.data["result"]["output"]) == ("completed", AFTER["say"])
    return [message["role"] for message in conversation(model, after) if message["role"] != "system"]


@pytest.mark.parametrize("args", [{}, '{"path": "/etc'], ids=["a tool that is not there", "arguments cut short"])
async def test_a_plain_agents_thread_goes_on_after_a_call_that_nobody_answers(running, model, job_id, args):
    await running.publish(event(job_id, {"call": [{"name": "nowhere", "args": args}]}, definition=lone()))
    await running.ended(job_id)
    assert await goes_on(running, model, job_id, lone()) == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize("agent", [lone, deep])
async def test_a_thread_goes_on_after_a_job_cancelled_in_the_middle_of_its_calls(running, http, model, job_id, agent):
    asking = agent(interrupt_on={"write_file": True})
    await running.publish(event(job_id, {"call": [writing("/a"), writing("/b")]}, definition=asking))
    await until("a person is asked", lambda: is_interrupted(http, job_id))
    assert (await http.post(f"/jobs/{job_id}/cancel")).is_success
    await running.ended(job_id)
    assert await goes_on(running, model, job_id, asking) == ["user", "assistant", "tool", "tool", "user"]


async def is_interrupted(http, job_id):
    answer = await http.get(f"/jobs/{job_id}")
    return answer.is_success and answer.json()["status"] == "interrupted"
