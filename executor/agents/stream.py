"""What a graph streams, as entries of the job's stream. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langgraph.types import Overwrite, StreamMode

from executor.agents.state import as_json
from executor.jobs.entries import EntryBody
from executor.values import text

INTERRUPT = "__interrupt__"
MODES: list[StreamMode] = ["messages", "tasks", "updates", "custom"]


def entry_bodies(part: Mapping[str, Any]) -> Iterator[EntryBody]:
    """The entries that one part of a graph's stream (LangGraph's version v2, in MODES) makes."""
    path = [step.partition(":")[0] for step in part["ns"]]
    match part["type"]:
        case "messages":
            yield from _token(path, *part["data"])
        case "tasks":
            yield from _task(path, part["data"])
        case "updates":
            yield from _updates(path, part["data"])
        case "custom":
            yield EntryBody("custom", _node(path), as_json(part["data"]))


def asks(part: Mapping[str, Any]) -> bool:
    """Whether the part says that the graph stops to ask people, or at a breakpoint."""
    return part["type"] == "updates" and not part["ns"] and INTERRUPT in part["data"]


def _node(path: list[str], name: str = "") -> str:
    return "/".join([*path, name] if name else path)


def _token(path: list[str], message: BaseMessage, metadata: Mapping[str, Any]) -> Iterator[EntryBody]:
    if isinstance(message, AIMessageChunk) and message.text:
        node = _node(path, str(metadata.get("langgraph_node", "")))
        yield EntryBody("token", node, {"id": message.id, "text": str(message.text)})


def _task(path: list[str], task: Mapping[str, Any]) -> Iterator[EntryBody]:
    node = _node(path, task["name"])
    if "triggers" in task:
        yield EntryBody("node_start", node, {"id": task["id"]})
    else:
        error = task["error"]  # an exception, or its text
        said = text(error, repr) if isinstance(error, Exception) else error
        yield EntryBody("node_end", node, {"id": task["id"], "error": said})


def _updates(path: list[str], updates: Mapping[str, Any]) -> Iterator[EntryBody]:
    for name, update in updates.items():
        if name == INTERRUPT:
            yield from (EntryBody("interrupt", _node(path), as_json(interrupt)) for interrupt in update)
        elif isinstance(update, Mapping) and not name.startswith("__"):
            yield from _update(_node(path, name), update)


def _update(node: str, update: Mapping[str, Any]) -> Iterator[EntryBody]:
    for message in _messages(update.get("messages")):
        yield from _message(node, message)
    rest = {channel: as_json(value) for channel, value in update.items() if channel != "messages" and value is not None}
    if rest:
        yield EntryBody("state", node, rest)


def _messages(written: Any) -> list[BaseMessage]:
    value = written.value if isinstance(written, Overwrite) else written
    found = value if isinstance(value, list) else [value]
    return [message for message in found if isinstance(message, BaseMessage)]


def _message(node: str, message: BaseMessage) -> Iterator[EntryBody]:
    if isinstance(message, ToolMessage):
        result = {"id": message.tool_call_id, "name": message.name, "content": as_json(message.content)}
        yield EntryBody("tool_result", node, result)
        return
    yield EntryBody("message", node, as_json(message))
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            yield EntryBody("tool_call", node, {"id": call["id"], "name": call["name"], "args": as_json(call["args"])})
