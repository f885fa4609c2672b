"""A thread's entries become the protocol's events. Pure: the same entries make the same events, for whoever watches.

A table of what is made of what is in `docs/clients.md`.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from executor.faces.langgraph.protocol.events import ROOT, Event
from executor.faces.langgraph.protocol.open_messages import OpenMessage
from executor.jobs.entries import StreamEntry

Namespace = tuple[str, ...]
OUTCOMES = {"completed": "completed", "failed": "failed", "cancelled": "interrupted"}


class Translation:
    """Of one thread, from the first entry of a run on: what a message says depends on what it has said."""

    def __init__(self) -> None:
        self._open: dict[tuple[Namespace, str], OpenMessage] = {}
        self._whole: set[str] = set()
        self._inside: dict[Namespace, str] = {}
        self.asked: set[str] = set()  # the questions that are open
        self.run: str | None = None  # the job that is at work, or waits for people
        self.checkpoint: dict[str, Any] | None = None  # the last of the root

    def events(self, entry: StreamEntry) -> list[Event]:
        """What an entry says in the protocol's words; nothing, where that has none."""
        make = self._MAKERS.get(entry.type)
        fields = entry.fields
        path, _, node = fields.get("node", "").rpartition("/")
        if make is None or (path and "ns" not in fields):
            return []  # an earlier image does not say which of two graphs inside speaks
        namespace = tuple(fields["ns"].split("|")) if fields.get("ns") else ROOT
        data = json.loads(fields["data"])
        return [*self._entered(namespace), *make(self, entry, namespace, node, data)]

    def _entered(self, namespace: Namespace) -> Iterator[Event]:
        """Graphs inside others begin when they are first heard of."""
        for depth in range(1, len(namespace) + 1):
            inner = namespace[:depth]
            if inner not in self._inside:
                name = self._inside[inner] = inner[-1].partition(":")[0]
                yield Event("lifecycle", inner, {"event": "started", "graph_name": name})

    def _begins(self, entry: StreamEntry, *_: Any) -> Iterator[Event]:
        """A claim begins: a run, an attempt after one that failed, or what follows an answer."""
        for (namespace, _id), message in self._open.items():
            yield Event("messages", namespace, message.break_off(), message.node)
        for inner in reversed([*self._inside]):
            yield Event("lifecycle", inner, {"event": "failed"})
        self._open.clear()
        self._inside.clear()
        self.asked.clear()
        self._whole.clear()
        self.run = entry.job
        yield Event("lifecycle", ROOT, {"event": "running"}, run=entry.job)

    def _piece(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        if data["id"] in self._whole:
            return
        message = self._open.get((namespace, data["id"]))
        if message is None:
            message = OpenMessage(data["id"], node)
            yield self._begun(namespace, message, data.get("model"))
        for said in message.add(data):
            yield Event("messages", namespace, said, message.node)

    def _begun(self, namespace: Namespace, message: OpenMessage, model: Any) -> Event:
        self._open[namespace, message.id] = message
        about = {"langgraph_node": message.node, **({"model": model} if model else {})}
        return Event("messages", namespace, message.begin(about), message.node)

    def _message(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        fields = data["data"]
        if data["type"] == "ai" and fields.get("id") and fields["id"] not in self._whole:
            yield from self._closed(namespace, node, fields)
        yield Event("updates", namespace, {"node": node, "values": {"messages": [fields]}}, node)

    def _closed(self, namespace: Namespace, node: str, fields: dict[str, Any]) -> Iterator[Event]:
        message = self._open.get((namespace, fields["id"]))
        if message is None:
            message = OpenMessage(fields["id"], node)
            yield self._begun(namespace, message, (fields.get("response_metadata") or {}).get("model_name"))
        for said in message.finish(fields):
            yield Event("messages", namespace, said, message.node)
        del self._open[namespace, message.id]
        self._whole.add(message.id)

    def _tool_call(self, _: StreamEntry, namespace: Namespace, __: str, data: Any) -> Iterator[Event]:
        call = {"tool_call_id": data["id"], "tool_name": data["name"], "input": data["args"]}
        yield Event("tools", namespace, {"event": "tool-started", **call})

    def _tool_result(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        about = {"tool_call_id": data["id"], "tool_name": data["name"]}
        message = {"type": "tool", "tool_call_id": data["id"], "name": data["name"], "content": data["content"]}
        message["status"] = data.get("status") or "success"
        if message["status"] == "error":
            yield Event("tools", namespace, {"event": "tool-error", **about, "message": str(data["content"])})
        else:
            yield Event("tools", namespace, {"event": "tool-finished", **about, "output": message})
        yield Event("updates", namespace, {"node": node, "values": {"messages": [message]}}, node)

    def _update(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        yield Event("updates", namespace, {"node": node, "values": data}, node)

    def _node_start(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        yield Event("tasks", namespace, {"id": data["id"], "name": node}, node)

    def _node_end(self, _: StreamEntry, namespace: Namespace, node: str, data: Any) -> Iterator[Event]:
        inner, error = (*namespace, f"{node}:{data['id']}"), data.get("error")
        for deeper in [each for each in reversed([*self._inside]) if each[: len(inner)] == inner]:
            del self._inside[deeper]
            yield Event("lifecycle", deeper, {"event": "failed", "error": error} if error else {"event": "completed"})
        result = {"id": data["id"], "name": node, "error": error, "result": {}, "interrupts": []}
        yield Event("tasks", namespace, result, node)

    def _checkpoint(self, _: StreamEntry, namespace: Namespace, __: str, data: Any) -> Iterator[Event]:
        if not namespace:
            self.checkpoint = data
        yield Event("checkpoints", namespace, data)
        yield Event("values", namespace, None, checkpoint=data)

    def _asks(self, entry: StreamEntry, namespace: Namespace, _: str, data: Any) -> Iterator[Event]:
        if namespace or data["id"] in self.asked:
            return  # the root says it, too
        is_first = not self.asked
        self.asked.add(data["id"])
        question = {"interrupt_id": data["id"], "value": data.get("value"), "payload": data.get("value")}
        yield from self._stands(is_first=is_first)
        yield Event("input.requested", namespace, question, run=entry.job)
        if is_first:
            yield Event("lifecycle", ROOT, {"event": "interrupted"}, run=entry.job)

    def _custom(self, _: StreamEntry, namespace: Namespace, __: str, data: Any) -> Iterator[Event]:
        is_named = isinstance(data, dict) and data.keys() == {"name", "payload"}
        yield Event("custom", namespace, data if is_named else {"payload": data})

    def _ends(self, entry: StreamEntry, _: Namespace, __: str, data: Any) -> Iterator[Event]:
        if self.run not in {None, entry.job}:
            return  # it was called off before its turn came
        yield from self._stands(is_first=True)
        word = OUTCOMES.get(data["status"], "failed")
        for (namespace, _id), message in self._open.items():
            yield Event("messages", namespace, message.break_off(), message.node)
        for inner in reversed([*self._inside]):
            yield Event("lifecycle", inner, {"event": word})
        self._open.clear()
        self._inside.clear()
        self.run = None
        yield Event("lifecycle", ROOT, {"event": word}, run=entry.job)

    def _stands(self, *, is_first: bool) -> Iterator[Event]:
        """Where the thread stands, before it is said that it stops."""
        if is_first and self.checkpoint is not None:
            yield Event("values", ROOT, None, checkpoint=self.checkpoint)

    _MAKERS: ClassVar[dict[str, Callable[..., Iterator[Event]]]] = {
        "start": _begins,
        "attempt": _begins,
        "token": _piece,
        "message": _message,
        "tool_call": _tool_call,
        "tool_result": _tool_result,
        "state": _update,
        "node_start": _node_start,
        "node_end": _node_end,
        "checkpoint": _checkpoint,
        "interrupt": _asks,
        "custom": _custom,
        "end": _ends,
    }
