"""What happens while a job runs, as the entries of its thread's stream. Pure."""

import json
from dataclasses import dataclass
from typing import Any, Literal

Type = Literal[
    "token", "message", "tool_call", "tool_result", "node_start", "node_end", "state", "interrupt", "custom",
    "attempt", "gap", "end",
]  # fmt: skip

Happening = tuple[Type, str, Any]  # an entry's type, node and data


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
        data = json.dumps(self.data, ensure_ascii=False, default=str)
        return {"job": self.job, "attempt": str(self.attempt), "type": self.type, "node": self.node, "data": data}


def key_of(thread_id: str) -> str:
    """The name of a thread's stream and of its channel."""
    return f"langgraph:stream:{thread_id}"
