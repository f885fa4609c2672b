"""OpenAI's chat completions on the wire: one turn as chunks of a stream, as a whole, or as an error."""

import json
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from executor.embedded.script import Turn

JsonObject = dict[str, Any]

CREATED = 1_700_000_000  # a constant, so that the same request gets the same bytes
END = "data: [DONE]\n\n"
FRAGMENT = 12


def chunks(turn: Turn, asked: JsonObject, identity: str) -> Iterator[str]:
    """The server-sent events of a streamed completion, without the last one."""
    for delta in deltas(turn, identity):
        yield _chunk(asked, identity, choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(asked, identity, choices=[{"index": 0, "delta": {}, "finish_reason": _finish(turn)}])
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield _chunk(asked, identity, choices=[], usage=_usage(turn, asked))


def deltas(turn: Turn, identity: str) -> Iterator[JsonObject]:
    """What each chunk adds: the role, the text word by word, each call's name and then its arguments in fragments."""
    yield {"role": "assistant", "content": ""}
    yield from ({"content": word} for word in words(turn.say))
    for index, call in enumerate(_calls(turn, identity)):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
        for fragment in _fragments(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}


def completion(turn: Turn, asked: JsonObject, identity: str) -> JsonObject:
    """The whole answer, for a request without `stream`."""
    message: JsonObject = {"role": "assistant", "content": turn.say or None}
    if turn.call:
        message["tool_calls"] = list(_calls(turn, identity))
    choices = [{"index": 0, "message": message, "finish_reason": _finish(turn)}]
    return _envelope(asked, identity, "chat.completion", choices=choices, usage=_usage(turn, asked))


def failure(status: int, message: str) -> JsonObject:
    """The body of an answer that is no completion."""
    return {"error": {"message": message, "type": HTTPStatus(status).name.lower(), "param": None, "code": None}}


def complaint(messages: Iterable[JsonObject]) -> str | None:
    """Why OpenAI refuses a conversation: a call of a tool without its answer right after it, or the reverse."""
    unanswered: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in unanswered:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            unanswered.remove(message["tool_call_id"])
        elif unanswered:
            break
        else:
            unanswered = {call["id"] for call in message.get("tool_calls") or ()}
    if unanswered:
        return f"'tool_calls' must be followed by tool messages responding to each: {', '.join(sorted(unanswered))}"
    return None


def words(text: str) -> list[str]:
    """The tokens of a text: each word with the space after it."""
    return re.findall(r"\s*\S+\s*", text)


def _calls(turn: Turn, identity: str) -> Iterable[JsonObject]:
    for index, call in enumerate(turn.call):
        arguments = call.args if isinstance(call.args, str) else json.dumps(call.args)
        function = {"name": call.name, "arguments": arguments}
        yield {"id": f"call_{identity}_{index}", "type": "function", "function": function}


def _fragments(text: str) -> Iterator[str]:
    return (text[start : start + FRAGMENT] for start in range(0, len(text), FRAGMENT))


def _finish(turn: Turn) -> str:
    return "tool_calls" if turn.call else "stop"


def _usage(turn: Turn, asked: JsonObject) -> dict[str, int]:
    prompt, reply = len(words(json.dumps(asked["messages"]))), len(list(deltas(turn, "")))
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}


def _chunk(asked: JsonObject, identity: str, **content: object) -> str:
    return f"data: {json.dumps(_envelope(asked, identity, 'chat.completion.chunk', **content))}\n\n"


def _envelope(asked: JsonObject, identity: str, kind: str, **content: object) -> JsonObject:
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": CREATED, "model": asked["model"], **content}
