"""LangGraph's Python client, unmodified, on the thread-wide stream (its version 2 of the protocol)."""

import asyncio

import pytest

from tests.integration.world import says, unique, until, writing

pytestmark = pytest.mark.anyio


async def gather(iterator):
    async with asyncio.timeout(30):
        return [each async for each in iterator]


async def asked(thread, *values):
    """Wait until these questions are open."""

    async def are_told():
        return sorted(each["value"] for each in thread.interrupts) == sorted(values)

    await until("the questions are told", are_told)
    return {each["value"]: each["interrupt_id"] for each in thread.interrupts}


async def test_a_run_tells_its_tool_calls_its_messages_its_values_and_its_output(client):
    job = unique()
    turns = ({"say": "Writing it.", "call": [writing("/a", "x")]}, {"say": "All of it is done."})
    async with client.threads.stream(assistant_id="writer") as thread:
        await thread.run.start(input=says(job, *turns))
        told = await gather(thread.interleave_projections(["messages", "tool_calls", "values"]))
        output = await thread.output.with_timeout(30)
    messages = [await each for name, each in told if name == "messages"]
    pieces = [len(await gather(each.text)) for name, each in told if name == "messages"]
    [call] = [each for name, each in told if name == "tool_calls"]
    assert [message.text for message in messages] == ["Writing it.", "All of it is done."]
    assert min(pieces) > 1
    assert (call.name, call.input) == ("write_file", {"file_path": "/a", "content": "x"})
    assert (await call.output)["content"] == "Updated file /a"
    assert messages[0].tool_calls[0]["args"] == call.input
    assert [message["type"] for message in output["messages"]] == ["human", "ai", "tool", "ai"]
    assert [each.id for each in messages] == [each["id"] for each in output["messages"] if each["type"] == "ai"]
    assert [values for name, values in told if name == "values"][-1] == output


async def test_what_one_subscribes_to_after_the_end_is_told_still(client):
    async with client.threads.stream(assistant_id="steps") as thread:
        await thread.run.start(input={"seen": []})
        assert await thread.output.with_timeout(30) == {"seen": ["first", "second"]}
        events = thread.subscribe(["updates", "custom"])
        assert [each["params"]["data"] for each in await gather(events)] == [
            {"payload": {"halfway": True}},
            {"node": "first", "values": {"seen": ["first"]}},
            {"node": "second", "values": {"seen": ["second"]}},
        ]


async def test_a_question_is_answered_and_the_run_goes_on(client):
    async with client.threads.stream(assistant_id="asker") as thread:
        started = await thread.run.start(input={"messages": []})

        async def is_asked():
            return thread.interrupted

        await until("the question is told", is_asked)
        [question] = thread.interrupts
        assert (question["value"], question["namespace"]) == ({"question": "Well?"}, [])
        answered = await thread.run.respond("yes")
        assert answered["run_id"] == started["run_id"]
        output = await thread.output.with_timeout(30)
    assert [message["content"] for message in output["messages"]] == ["You said: yes"]
    assert not thread.interrupted


async def test_one_question_follows_another(client):
    async with client.threads.stream(assistant_id="twice") as thread:
        await thread.run.start(input={"said": []})
        await asked(thread, "Your name?")
        await thread.run.respond("Ada")
        questions = await asked(thread, "Your name?", "Your age?")
        await thread.run.respond("36", interrupt_id=questions["Your age?"])
        assert await thread.output.with_timeout(30) == {"said": ["name Ada", "age 36"]}


async def test_two_questions_at_once_are_answered_one_by_one(client):
    async with client.threads.stream(assistant_id="both") as thread:
        await thread.run.start(input={"said": []})
        questions = await asked(thread, "Your name?", "Your age?")
        await thread.run.respond("36", interrupt_id=questions["Your age?"])
        await thread.run.respond("Ada", interrupt_id=questions["Your name?"])
        assert sorted((await thread.output.with_timeout(30))["said"]) == ["age 36", "name Ada"]


async def test_who_comes_back_to_a_thread_that_asks_is_asked_again(client):
    thread_id = unique("thread/")
    async with client.threads.stream(thread_id, assistant_id="twice") as thread:
        await thread.run.start(input={"said": []})
        await asked(thread, "Your name?")
        await thread.run.respond("Ada")
        await asked(thread, "Your name?", "Your age?")
    async with client.threads.stream(thread_id, assistant_id="twice") as thread:
        await asked(thread, "Your age?")
        await thread.run.respond("36")
        assert await thread.output.with_timeout(30) == {"said": ["name Ada", "age 36"]}


async def test_the_output_of_a_run_on_an_old_thread_is_its_own(client):
    thread_id = unique("thread")
    for turn in range(3):
        async with client.threads.stream(thread_id, assistant_id="steps") as thread:
            await thread.run.start(input={"seen": [str(turn)]})
            await thread.output.with_timeout(30)
            assert (await thread.output.with_timeout(30))["seen"][-3:] == [str(turn), "first", "second"]


async def test_who_comes_in_the_middle_is_told_the_run_from_its_beginning(client, tmp_path):
    gate = tmp_path / "open"
    thread_id = unique("thread")
    async with client.threads.stream(thread_id, assistant_id="slow") as first:
        await first.run.start(input={"gate": str(gate)})
        nodes = first.subscribe(["tasks"])
        assert (await anext(nodes))["params"]["data"]["name"] == "wait"
        async with client.threads.stream(thread_id, assistant_id="slow") as second:
            again = second.subscribe(["tasks"])
            assert (await anext(again))["params"]["data"]["name"] == "wait"
            gate.touch()
            for each in (second, first):
                assert (await each.output.with_timeout(30))["seen"] == ["waited"]


async def test_a_failure_is_told_with_its_reason(client):
    async with client.threads.stream(assistant_id="steps") as thread:
        await thread.run.start(input={"seen": [], "fails": True})
        with pytest.raises(RuntimeError, match="Run errored: as it was told to"):
            await thread.output.with_timeout(30)


async def test_what_is_wrong_with_a_command_is_told_in_its_answer(client):
    async with client.threads.stream(assistant_id="nobody") as thread:
        with pytest.raises(RuntimeError, match=r"\[invalid_argument\].*nobody"):
            await thread.run.start(input={})
    async with client.threads.stream(assistant_id="steps") as thread:
        with pytest.raises(RuntimeError, match=r"\[invalid_argument\].*langsmith_tracer"):
            await thread.run.start(input={}, langsmith_tracing={"project_name": "x"})
