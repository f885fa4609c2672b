"""The hook of LangGraph's second generation for React, unmodified, on the thread-wide stream."""

import json

import pytest

from tests.clients.test_javascript import told
from tests.integration.world import says, unique, writing

pytestmark = pytest.mark.anyio

NAME, AGE = "Your name?", "Your age?"


async def shown(faced, agent, given, *answers):
    found = await told("stream_hook.mjs", faced.url, agent, json.dumps(given), *answers)
    assert found["error"] is None
    return found


async def test_it_shows_messages_as_they_are_written_and_calls_of_tools(faced):
    turns = ({"say": "Writing it now.", "call": [writing("/a")]}, {"say": "All of it is done."})
    found = await shown(faced, "writer", says(unique(), *turns))
    assert [kind for kind, _ in found["messages"]] == ["human", "ai", "tool", "ai"]
    assert [text for _, text in found["messages"]][1:] == ["Writing it now.", "Updated file /a", "All of it is done."]
    assert found["calls"] == [["write_file", "finished", {"file_path": "/a", "content": "x"}]]
    assert found["values"]["files"].keys() == {"/a"}


async def test_it_shows_a_subagent_and_what_it_said(faced):
    task = {"name": "task", "args": {"description": "Look.", "subagent_type": "general-purpose"}}
    found = await shown(faced, "writer", says(unique(), {"call": [task]}, {"say": "Done with all of it."}))
    assert found["subagents"] == [["general-purpose", "complete", 1]]
    assert found["messages"][-1] == ["ai", "Done with all of it."]


async def test_it_asks_and_answers(faced):
    found = await shown(faced, "asker", {"messages": [{"role": "user", "content": "Hello."}]}, "fine")
    assert (found["asked"], found["messages"][-1]) == ([{"question": "Well?"}], ["ai", "You said: fine"])


@pytest.mark.parametrize(("agent", "answers"), [("twice", ["Ada", "36"]), ("twice", ["Ada", "reload", "36"])])
async def test_one_question_follows_another_also_on_a_page_that_was_loaded_again(faced, agent, answers):
    found = await shown(faced, agent, {"said": []}, *answers)
    assert (found["asked"], found["values"]) == ([NAME, AGE], {"said": ["name Ada", "age 36"]})


async def test_two_questions_at_once_are_answered_together(faced):
    found = await shown(faced, "both", {"said": []}, "together")
    assert sorted(found["asked"]) == [AGE, NAME]
    assert sorted(found["values"]["said"]) == [f"age to {AGE}", f"name to {NAME}"]
