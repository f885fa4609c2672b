"""What a graph streams, as entries of the job's stream. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langgraph.types import Overwrite, StreamMode

from executor.agents import pieces
from executor.agents.state import as_json
from executor.jobs.entries import EntryBody, Type
from executor.values import text

INTERRUPT = "__interrupt__"
MODES: list[StreamMode] = ["messages", "tasks", "updates", "custom", "checkpoints"]


class Where(NamedTuple):
    """Which graph speaks: its namespace with ids, and the names of the nodes that lead to it."""

    ns: str
    path: str

    @classmethod
    def of(cls, ns: Sequence[str]) -> Self:
        """The graph of a part's namespace."""
        return cls("|".join(ns), "/".join([step.partition(":")[0] for step in ns])) if ns else cls("", "")

    def says(self, kind: Type, name: str, data: Any) -> EntryBody:
        """What it says of its node of this name, or of itself where that is empty."""
        return EntryBody(kind, f"{self.path}/{name}" if self.path and name else self.path or name, data, self.ns)


def entry_bodies(part: Mapping[str, Any]) -> Iterator[EntryBody]:
    """The entries that one part of a graph's stream (LangGraph's version v2, in MODES) makes."""
    where = Where.of(part["ns"])
    match part["type"]:
        case "messages":
            yield from _token(where, *part["data"])
        case "tasks":
            yield from _task(where, part["data"])
        case "updates":
            yield from _updates(where, part["data"])
        case "custom":
            yield where.says("custom", "", as_json(part["data"]))
        case "checkpoints":
            yield where.says("checkpoint", "", _checkpoint(part["data"]))


def asks(part: Mapping[str, Any]) -> bool:
    """Whether the part says that the graph stops to ask people, or at a breakpoint."""
    return part["type"] == "updates" and not part["ns"] and INTERRUPT in part["data"]


def _token(where: Where, message: BaseMessage, metadata: Mapping[str, Any]) -> Iterator[EntryBody]:
    if isinstance(message, AIMessageChunk) and (said := pieces.said(message, metadata)):
        yield where.says("token", str(metadata.get("langgraph_node", "")), said)


def _checkpoint(told: Mapping[str, Any]) -> dict[str, Any]:
    """Which one it is, not what it holds: that grows with the state.

    LangGraph tells of it when the next step begins, so that it is there by then; that of an input is a moment later.
    """
    before, about = told["parent_config"], told["metadata"]
    return {
        "id": told["config"]["configurable"]["checkpoint_id"],
        "parent_id": before and before["configurable"]["checkpoint_id"],
        "step": about["step"],
        "source": about["source"],
    }


def _task(where: Where, task: Mapping[str, Any]) -> Iterator[EntryBody]:
    name = task["name"]
    if "triggers" in task:
        yield where.says("node_start", name, {"id": task["id"]})
    else:
        error = task["error"]  # an exception, or its text
        said = text(error, repr) if isinstance(error, Exception) else error
        yield where.says("node_end", name, {"id": task["id"], "error": said})


def _updates(where: Where, updates: Mapping[str, Any]) -> Iterator[EntryBody]:
    for name, update in updates.items():
        if name == INTERRUPT:
            yield from (where.says("interrupt", "", as_json(interrupt)) for interrupt in update)
        elif isinstance(update, Mapping) and not name.startswith("__"):
            yield from _update(where, name, update)


def _update(where: Where, name: str, update: Mapping[str, Any]) -> Iterator[EntryBody]:
    for message in _messages(update.get("messages")):
        yield from _message(where, name, message)
    rest = {channel: as_json(value) for channel, value in update.items() if channel != "messages" and value is not None}
    if rest:
        yield where.says("state", name, rest)


def _messages(written: Any) -> list[BaseMessage]:
    value = written.value if isinstance(written, Overwrite) else written
    found = value if isinstance(value, list) else [value]
    return [message for message in found if isinstance(message, BaseMessage)]


def _message(where: Where, name: str, message: BaseMessage) -> Iterator[EntryBody]:
    if isinstance(message, ToolMessage):
        about = {"id": message.tool_call_id, "name": message.name, "status": message.status}
        about |= {"message_id": message.id} if message.id else {}
        yield where.says("tool_result", name, about | {"content": as_json(message.content)})
        return
    yield where.says("message", name, as_json(message))
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            yield where.says("tool_call", name, {"id": call["id"], "name": call["name"], "args": as_json(call["args"])})
