"""What happens while a job runs, as the entries of its thread's stream. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from executor.values import dumps

Type = Literal[
    "token", "message", "tool_call", "tool_result", "node_start", "node_end", "state", "interrupt", "custom",
    "start", "attempt", "gap", "end",
]  # fmt: skip


class EntryBody(NamedTuple):
    """What an entry says, before it is known whose it is; `data` is whatever JSON can say."""

    type: Type
    node: str
    data: Any


@dataclass(frozen=True)
class Entry:
    """One thing that happened; `data` is whatever JSON can say."""

    thread: str
    job: str
    attempt: int
    type: Type
    node: str
    data: Any

    def fields(self) -> dict[str, str]:
        """The flat fields of the stream's entry."""
        attempt, data = str(self.attempt), dumps(self.data).decode()
        return {"job": self.job, "attempt": attempt, "type": self.type, "node": self.node, "data": data}


Shown = dict[str, Any]  # an entry as one JSON object: job, attempt, type, node, data


def shown(fields: Mapping[str, str]) -> Shown:
    """The flat fields as one JSON object, for the channel and for server-sent events."""
    return {**fields, "attempt": int(fields["attempt"]), "data": json.loads(fields["data"])}


def as_text(fields: Mapping[str, str]) -> str:
    """The same as text; its data are JSON already."""
    rest = {"job": fields["job"], "attempt": int(fields["attempt"]), "type": fields["type"], "node": fields["node"]}
    return f'{dumps(rest).decode()[:-1]},"data":{fields["data"]}}}'


def key_of(thread_id: str) -> str:
    """The name of a thread's stream and of its channel."""
    return f"langgraph:stream:{thread_id}"
