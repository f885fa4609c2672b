"""What a thread holds at one of its checkpoints, as values. Pure."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Spot(NamedTuple):
    """A checkpoint: its thread, the namespace with ids of the graph that wrote it, and its own id; none is the last."""

    thread_id: str
    ns: str = ""
    checkpoint_id: str | None = None


@dataclass(frozen=True)
class TaskState:
    """A node of the step that follows; `interrupts` is what it asks, each with `id` and `value`.

    `path` is where it came from, as LangGraph has it. `spot` is where a graph inside it keeps its own checkpoints,
    `state` what that holds, where it was asked for.
    """

    id: str
    name: str
    path: tuple[Any, ...] = ()
    error: str | None = None
    interrupts: tuple[dict[str, Any], ...] = ()
    spot: Spot | None = None
    state: "ThreadState | None" = None
    result: Any = None


@dataclass(frozen=True)
class ThreadState:
    """The state of a thread as JSON, its messages flat.

    `unread` says why some of it could not be read, where that is so.
    """

    spot: Spot
    values: Any = field(default_factory=dict)
    next: tuple[str, ...] = ()
    tasks: tuple[TaskState, ...] = ()
    interrupts: tuple[dict[str, Any], ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: str | None = None
    parent: Spot | None = None
    unread: str | None = None


@dataclass(frozen=True)
class Slice:
    """Which part of a history: so many, the newest first, those before a checkpoint, of a kind by their metadata."""

    limit: int = 10
    before: str | None = None
    metadata: dict[str, Any] | None = None


FIRST_SLICE = Slice()
