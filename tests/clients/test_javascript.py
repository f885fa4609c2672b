"""LangGraph's JavaScript clients, unmodified; `make test-clients` installs them."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.world import says, unique, writing

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent / "js"


async def told(program, *arguments):
    process = await asyncio.create_subprocess_exec(
        "node", program, *arguments, cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, error.decode()
    return json.loads(out.splitlines()[-1])


def prompt(*turns):
    return says(unique(), *turns)["messages"][0]["content"]


async def test_the_client_streams_asks_answers_and_takes_a_stream_up_again(faced):
    script = prompt({"say": "Writing now.", "call": [writing("/a")]}, {"say": "All of it is done."})
    found = await told("client.mjs", faced.url, script)
    assert set(found["events"]) == {"metadata", "messages", "values", "end"}
    assert "done." in found["text"].replace("|", "")
    assert found["created"].keys() == {"run_id", "thread_id"}
    assert (found["again"][0], found["again"][-1], found["joined"], found["found"]) == ("metadata", "end", 4, [4])
    assert (found["asked"], found["answered"]) == ({"question": "Well?"}, "You said: fine")
    assert {"asker", "writer"} <= set(found["assistants"])


async def test_the_hook_of_chat_interfaces_streams_and_regenerates(faced):
    found = await told("use_stream.mjs", faced.url, "writer", prompt({"say": "One two three four."}))
    assert (found["errors"], [kind for kind, _ in found["messages"]]) == ([], ["human", "ai"])
    assert found["messages"][-1][1] == "One two three four."


async def test_the_hook_of_chat_interfaces_asks_and_answers(faced):
    found = await told("use_stream.mjs", faced.url, "asker", "Hello.", "fine")
    assert found["errors"] == []
    assert '{"question":"Well?"}' in found["seen"]
    assert found["messages"] == [["human", "Hello."], ["ai", "You said: fine"]]
