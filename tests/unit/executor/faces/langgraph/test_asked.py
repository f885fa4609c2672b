"""A run that a client asks for, as the event of a job."""

import json

import pytest
from pydantic import ValidationError

from executor.faces.langgraph.asked import TwoContexts, assistant_id, event
from executor.faces.langgraph.bodies import RunBody
from executor.faces.langgraph.flat import flat
from executor.jobs.events import parse


def asked(**more):
    return RunBody.model_validate({"assistant_id": "a", **more})


def sent(**more):
    return json.loads(event(asked(**more), "r", "t", "support"))


def test_a_run_is_the_job_of_a_named_agent():
    assert sent(input={"x": 1}) == {
        "specversion": "1.0",
        "id": "r",
        "source": "/runs",
        "type": "io.bizmatters.agent.execute",
        "data": {"job_id": "r", "thread_id": "t", "agent_definition": {"agent": "support"}, "input_payload": {"x": 1}},
    }


def test_all_that_a_run_says_is_in_the_job():
    config = {
        "recursion_limit": 7,
        "tags": ["a"],
        "metadata": {"by": "me", "n": 1, "langgraph_step": 3},
        "configurable": {"thread_id": "other", "checkpoint_id": "c1", "user": "u", "__pregel_x": 1},
    }
    body = asked(input={}, config=config, metadata={"n": 2}, multitask_strategy="reject")
    job = parse({"content-type": "application/cloudevents+json"}, event(body, "r", "t", "support"))
    assert (job.recursion_limit, job.context, job.checkpoint_id) == (7, {"user": "u"}, "c1")
    assert (job.metadata, job.multitask) == ({"tags": '["a"]', "by": "me", "n": "2"}, "reject")
    assert job.thread_id == "t"


def test_a_context_is_given_in_one_way():
    assert sent(input={}, context={"user": "u"})["data"]["context"] == {"user": "u"}
    with pytest.raises(TwoContexts, match=r"config\.configurable: user"):
        sent(input={}, context={"a": 1}, config={"configurable": {"user": "u"}})


@pytest.mark.parametrize("checkpoint", [{"checkpoint_id": "c"}, {"checkpoint": {"checkpoint_id": "c"}}])
def test_a_run_may_begin_from_a_checkpoint_without_an_input(checkpoint):
    data = sent(**checkpoint)["data"]
    assert (data["input_payload"], data["checkpoint_id"]) == (None, "c")


def test_null_is_absent_and_an_empty_goto_is_none():
    body = asked(input=None, webhook=None, metadata=None, command={"resume": "x", "goto": [], "update": None})
    assert (body.answer, body.metadata) == ("x", {})


@pytest.mark.parametrize(
    "more",
    [
        {"webhook": "https://x"},
        {"interrupt_after": "*"},
        {"command": {"update": {"a": 1}}},
        {"checkpoint": {"checkpoint_ns": "x:1"}},
        {"stream_mode": ["debug"]},
        {"on_completion": "delete"},
        {"unheard_of": 1},
        {"input": [1]},
    ],
)
def test_what_is_not_served_is_refused_by_its_name(more):
    with pytest.raises(ValidationError) as refused:
        asked(**more)
    assert refused.value.errors()[0]["loc"][0] == next(iter(more))


def test_an_agent_has_the_same_id_everywhere():
    assert assistant_id("support") == assistant_id("support") != assistant_id("other")


def test_messages_are_their_fields_and_what_only_looks_like_one_stays():
    wrapped = {"type": "ai", "data": {"type": "ai", "content": "x"}}
    stays = {"type": "image", "data": {"url": "x"}, "of": [{"type": "a", "data": "b"}]}
    assert flat({"messages": [wrapped], "stays": stays}) == {"messages": [wrapped["data"]], "stays": stays}
