"""What happens while a job runs, as the entries of its thread's stream. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from executor.values import dumps

Type = Literal[
    "token", "message", "tool_call", "tool_result", "node_start", "node_end", "state", "interrupt", "custom",
    "checkpoint", "start", "attempt", "gap", "end",
]  # fmt: skip


class EntryBody(NamedTuple):
    """What an entry says, before it is known whose it is; `data` is whatever JSON can say.

    `ns` is the namespace of the graph that says it, with ids and `|` between its parts; empty at the root.
    """

    type: Type
    node: str
    data: Any
    ns: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing that happened; `data` is whatever JSON can say."""

    thread: str
    job: str
    attempt: int
    type: Type
    node: str
    data: Any
    ns: str = ""

    def fields(self) -> dict[str, str]:
        """The flat fields of the stream's entry."""
        return {
            "job": self.job,
            "attempt": str(self.attempt),
            "type": self.type,
            "node": self.node,
            "ns": self.ns,
            "data": dumps(self.data).decode(),
        }


Shown = dict[str, Any]  # an entry as one JSON object: job, attempt, type, node, ns (not of earlier images), data
PLACE = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")
HALF = r"\ud"  # what begins half a pair, or a pair, where JSON is in ASCII


class Place(NamedTuple):
    """Where an entry stands in its stream: its id, as what can be compared."""

    milliseconds: int
    sequence: int

    @classmethod
    def read(cls, text: str) -> Self:
        """The place that an id names; raises ValueError where it is none."""
        found = PLACE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no id of an entry")
        return cls(int(found[1]), int(found[2] or 0))

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


BEGINNING = Place(0, 0)  # before all


@dataclass(frozen=True)
class StreamEntry:
    """An entry as its stream holds it, of whatever type and with whatever fields."""

    place: Place
    fields: Mapping[str, str]

    @property
    def job(self) -> str:
        """The job that it is about."""
        return self.fields.get("job", "")

    @property
    def type(self) -> str:
        """Its type, perhaps one that a later release has brought."""
        return self.fields.get("type", "")

    @property
    def size(self) -> int:
        """Characters that it holds in memory, about."""
        return sum(map(len, self.fields.values()))

    @cached_property
    def server_sent(self) -> bytes:
        """The server-sent event that tells of it (HTML Living Standard, section 9.2), made once for all who watch."""
        text = dumps(shown(self.fields)).decode() if HALF in self.fields["data"] else as_text(self.fields)
        return f"event: {self.type}\ndata: {text}\nid: {self.place}\n\n".encode()


def shown(fields: Mapping[str, str]) -> Shown:
    """The flat fields as one JSON object, for the channel and for server-sent events."""
    return {**fields, "attempt": int(fields["attempt"]), "data": json.loads(fields["data"])}


def as_text(fields: Mapping[str, str]) -> str:
    """The same as text; its data are JSON already."""
    rest: dict[str, Any] = {**fields}
    data, rest["attempt"] = rest.pop("data"), int(rest["attempt"])
    return f'{dumps(rest).decode()[:-1]},"data":{data}}}'


def key_of(thread_id: str) -> str:
    """The name of a thread's stream and of its channel."""
    return f"langgraph:stream:{thread_id}"
