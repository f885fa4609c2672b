"""What a job does, as the frames of the run streams that clients of the first generation read. Pure.

A frame is named by its stream mode and, where graphs inside the graph are told of, by `mode|namespace`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from executor.faces.langgraph.flat import flat
from executor.jobs.entries import StreamEntry

Mode = Literal["values", "updates", "messages", "messages-tuple", "custom", "tasks", "checkpoints"]
INTERRUPT = "__interrupt__"
FIRST_MODE: Mode = "values"


class Frame(NamedTuple):
    """An event's name, and its data as JSON."""

    event: str
    data: Any


class Look(NamedTuple):
    """A frame whose data are read from a checkpoint: the values there, or all of its state."""

    event: str
    ns: str
    checkpoint_id: str


class Told(NamedTuple):
    """An entry as it was read: what it is about, which node of which graph says it, and what."""

    type: str
    ns: str
    node: str
    data: Any

    @classmethod
    def of(cls, entry: StreamEntry) -> "Told":
        """Entries of earlier images have no namespace."""
        ns = entry.fields.get("ns", "")
        path = "".join(f"{step.partition(':')[0]}/" for step in ns.split("|") if step)
        return cls(entry.type, ns, entry.fields["node"].removeprefix(path), json.loads(entry.fields["data"]))


@dataclass
class Frames:
    """Makes the frames of one run, from its first entry on; `modes` are those that were asked for."""

    run_id: str
    thread_id: str
    modes: frozenset[str] = frozenset({FIRST_MODE})
    subgraphs: bool = False
    _streamed: set[str] = field(default_factory=set)
    _complete: dict[str, Any] = field(default_factory=dict)
    _updates: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _asking: set[str] = field(default_factory=set)

    def of(self, entry: StreamEntry) -> Iterator[Frame | Look]:
        """The frames that an entry makes."""
        told = Told.of(entry)
        if told.type == "attempt":
            self._updates.clear()
            self._asking.clear()
            yield self.metadata(int(entry.fields["attempt"]))
        elif not told.ns or self.subgraphs:
            yield from self._of(told)

    def metadata(self, attempt: int = 1) -> Frame:
        """What a stream begins with."""
        return Frame("metadata", {"run_id": self.run_id, "thread_id": self.thread_id, "attempt": attempt})

    def values(self, values: Any, asked: list[Any] | None = None) -> Iterator[Frame]:
        """The values that a run came to, and what it asks people."""
        if "values" in self.modes:
            more = {INTERRUPT: asked} if asked else {}
            yield Frame("values", {**values, **more} if isinstance(values, dict) else values)

    def _of(self, told: Told) -> Iterator[Frame | Look]:
        match told.type:
            case "token":
                yield from self._token(told)
            case "message":
                yield from self._message(told, flat(told.data))
            case "tool_result":
                yield from self._message(told, _tool_message(told.data))
            case "state":
                self._updates.setdefault((told.ns, told.node), {}).update(flat(told.data))
            case "custom":
                yield from self._frame("custom", told, told.data)
            case "node_start":
                yield from self._frame("tasks", told, {"id": told.data["id"], "name": told.node})
            case "node_end":
                yield from self._node_end(told)
            case "interrupt":
                self._asking.add(told.ns)
                yield from self._frame("updates", told, {INTERRUPT: [told.data]})
            case "checkpoint":
                yield from self._checkpoint(told)

    def _frame(self, mode: Mode, told: Told, data: Any, event: str | None = None) -> Iterator[Frame]:
        if mode in self.modes:
            yield Frame(_named(event or mode, told.ns), data)

    def _token(self, told: Told) -> Iterator[Frame]:
        self._streamed.add(told.data["id"])
        piece = _piece(told.data)
        yield from self._frame("messages-tuple", told, [piece, self._about(told)], "messages")
        if "messages" in self.modes:
            yield from self._partial(told, piece)

    def _partial(self, told: Told, piece: dict[str, Any]) -> Iterator[Frame]:
        """The message as far as it is known; before its first piece, what it is of."""
        identity = piece["id"]
        if identity not in self._complete:
            yield Frame(_named("messages/metadata", told.ns), {identity: {"metadata": self._about(told)}})
        known = self._complete.setdefault(identity, {**piece, "content": "", "type": "ai", "tool_call_chunks": []})
        known["content"] += piece["content"]
        known["tool_call_chunks"] = [*known["tool_call_chunks"], *piece["tool_call_chunks"]]
        yield Frame(_named("messages/partial", told.ns), [dict(known)])

    def _message(self, told: Told, message: dict[str, Any]) -> Iterator[Frame]:
        """A whole message; who has read its pieces is not told it again."""
        self._updates.setdefault((told.ns, told.node), {}).setdefault("messages", []).append(message)
        if message.get("id") not in self._streamed:
            yield from self._frame("messages-tuple", told, [message, self._about(told)], "messages")
        yield from self._frame("messages", told, [message], "messages/complete")

    def _about(self, told: Told) -> dict[str, Any]:
        return {
            "langgraph_node": told.node,
            "langgraph_checkpoint_ns": told.ns,
            "checkpoint_ns": told.ns,
            "run_id": self.run_id,
            "thread_id": self.thread_id,
        }

    def _node_end(self, told: Told) -> Iterator[Frame]:
        update = self._updates.pop((told.ns, told.node), None)
        error, asks = told.data.get("error"), told.ns in self._asking  # a node ends right after what it asks
        self._asking.discard(told.ns)
        if not told.node.startswith("__") and error is None and not asks:
            yield from self._frame("updates", told, {told.node: update})
        ended = {"id": told.data["id"], "name": told.node, "error": error, "result": update, "interrupts": []}
        yield from self._frame("tasks", told, ended)

    def _checkpoint(self, told: Told) -> Iterator[Look]:
        for mode in ("values", "checkpoints"):
            if mode in self.modes:
                yield Look(_named(mode, told.ns), told.ns, told.data["id"])


def _named(event: str, ns: str) -> str:
    return f"{event}|{ns}" if ns else event


def _piece(said: dict[str, Any]) -> dict[str, Any]:
    """A piece of a streamed message, as LangChain dumps one."""
    calls = [
        {"type": "tool_call_chunk", "name": None, "args": None, "id": None} | call
        for call in said.get("tool_calls", ())
    ]
    return {
        "type": "AIMessageChunk",
        "id": said["id"],
        "content": said["text"],
        "name": None,
        "additional_kwargs": {"reasoning_content": said["reasoning"]} if "reasoning" in said else {},
        "response_metadata": {"model_name": said["model"]} if "model" in said else {},
        "tool_calls": [],
        "invalid_tool_calls": [],
        "tool_call_chunks": calls,
        "usage_metadata": said.get("usage"),
    }


def _tool_message(result: dict[str, Any]) -> dict[str, Any]:
    """A tool's message; entries of earlier images do not say its own id."""
    return {
        "type": "tool",
        "id": result.get("message_id"),
        "content": result["content"],
        "name": result["name"],
        "tool_call_id": result["id"],
        "status": result.get("status", "success"),
    }
