"""The scripted model behind the real OpenAI client of LangChain, alone and inside deep agents."""

from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from deepagents import SubAgent, create_deep_agent
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from executor.embedded.chat import complaint
from executor.embedded.model import Model, scripted
from executor.embedded.script import UNSCRIPTED, script

pytestmark = pytest.mark.anyio


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with scripted() as running:
        yield running


@pytest.fixture
async def chat(model: Model) -> AsyncIterator[ChatOpenAI]:
    async with httpx.AsyncClient() as client:
        yield ChatOpenAI(
            model="gpt-4.1-mini", base_url=model.url, api_key=SecretStr("any"), http_async_client=client, max_retries=0
        )


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def gather(chat, prompt, **options) -> list[AIMessageChunk]:
    return [chunk async for chunk in chat.astream(prompt, **options)]


async def test_a_prompt_without_a_script_gets_the_fixed_sentence(chat):
    assert (await chat.ainvoke("hello")).content == UNSCRIPTED.say


async def test_an_answer_is_streamed_word_by_word(chat):
    chunks = await gather(chat, script({"say": "one two  three"}))
    assert [chunk.content for chunk in chunks if chunk.content] == ["one ", "two  ", "three"]


async def test_a_tool_call_is_streamed_in_fragments_and_put_together_by_the_client(chat):
    call = {"name": "add", "args": {"a": 1000000, "b": 2000000}}
    chunks = await gather(chat.bind_tools([add]), script({"say": "Adding.", "call": [call, call]}))
    assert sum(len(chunk.tool_call_chunks) for chunk in chunks) > 2 * len(call)
    whole = sum(chunks[1:], chunks[0])
    assert whole.content == "Adding."
    assert [{"name": c["name"], "args": c["args"]} for c in whole.tool_calls] == [call, call]
    assert len({c["id"] for c in whole.tool_calls}) == 2
    assert whole.response_metadata["finish_reason"] == "tool_calls"


async def test_a_whole_answer_has_the_same_content_as_a_streamed_one(chat):
    prompt = script({"say": "Adding.", "call": [{"name": "add", "args": {"a": 1, "b": 2}}]})
    chunks = await gather(chat, prompt)
    streamed, whole = sum(chunks[1:], chunks[0]), await chat.ainvoke(prompt)
    assert (whole.content, [c["args"] for c in whole.tool_calls]) == ("Adding.", [{"a": 1, "b": 2}])
    assert (streamed.content, [c["args"] for c in streamed.tool_calls]) == ("Adding.", [{"a": 1, "b": 2}])


async def test_usage_comes_with_a_whole_answer_and_on_request_with_a_stream(chat):
    prompt = script({"say": "a b"})
    whole = await chat.ainvoke(prompt)
    chunks = await gather(chat, prompt, stream_usage=True)
    streamed = sum(chunks[1:], chunks[0])
    assert whole.usage_metadata is not None
    assert streamed.usage_metadata == whole.usage_metadata


async def test_the_same_request_gets_the_same_bytes(model):
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": script({"call": [{"name": "x"}]})}]}
    async with httpx.AsyncClient() as client:
        first, second = [(await client.post(f"{model.url}/chat/completions", json=body)).content for _ in range(2)]
    assert first == second
    assert first.endswith(b"data: [DONE]\n\n")


async def test_the_turn_follows_from_the_replies_since_the_last_user_message(chat):
    prompt = script({"say": "first"}, {"say": "second"})
    history = [("system", "Be brief."), ("user", prompt), ("assistant", "first")]
    assert (await chat.ainvoke(history)).content == "second"
    assert (await chat.ainvoke([*history, ("assistant", "second")])).content == UNSCRIPTED.say
    assert (await chat.ainvoke([*history, ("user", prompt)])).content == "first"


async def test_a_script_in_the_system_prompt_answers_plain_words(chat):
    prompt = [("system", f"Be brief. {script({'say': 'from the system'})} Goodbye."), ("user", "hello")]
    assert (await chat.ainvoke(prompt)).content == "from the system"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_a_failure_is_the_clients_own_error(chat, status, error):
    with pytest.raises(error, match="no luck"):
        await gather(chat, script({"status": status, "say": "no luck"}))


async def test_a_failure_with_times_passes(chat, model):
    prompt = script({"status": 500, "times": 2, "say": "at last"})
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await chat.ainvoke(prompt)
    assert (await chat.ainvoke(prompt)).content == "at last"
    assert len(model.requests) == 3


async def test_a_malformed_script_is_a_bad_request(chat):
    for wrong in (script({"shout": "x"}), f"{script()[:-1]}"):
        with pytest.raises(openai.BadRequestError, match="the script"):
            await chat.ainvoke(wrong)


async def test_an_orchestrator_delegates_to_a_specialist_that_writes_a_file(chat):
    writing = {"name": "write_file", "args": {"file_path": "/note.md", "content": "calm sea"}}
    specialist = script({"call": [writing]}, {"say": "Written."})
    delegating = {"name": "task", "args": {"subagent_type": "Poet", "description": f"Write a note. {specialist}"}}
    orchestrator = script({"say": "Asking the poet.", "call": [delegating]}, {"say": "The poet is done."})
    poet = SubAgent(name="Poet", description="Writes.", system_prompt="You write.", tools=[])
    agent = create_deep_agent(model=chat, subagents=[poet])
    state = await agent.ainvoke({"messages": [HumanMessage(orchestrator)]})
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert [message.text for message in state["messages"][1:]] == ["Asking the poet.", "Written.", "The poet is done."]
    assert "calm sea" in str(state["files"]["/note.md"])


CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a", "arguments": ""}}],
}
ANSWER = {"role": "tool", "tool_call_id": "1", "content": "x"}
WORD = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ([WORD, CALL, WORD], "'tool_calls' must be followed by tool messages responding to each: 1"),
        ([WORD, CALL], "'tool_calls' must be followed by tool messages responding to each: 1"),
        ([ANSWER, WORD], "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"),
        (
            [CALL, ANSWER, ANSWER],
            "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
        ),
    ],
)
async def test_a_conversation_that_openai_refuses_is_refused(model, conversation, said):
    async with httpx.AsyncClient(base_url=model.url) as client:
        answer = await client.post("/chat/completions", json={"model": "m", "messages": conversation})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, said)


def test_a_conversation_with_its_answers_is_taken():
    assert complaint([WORD, CALL, ANSWER, WORD]) is None
