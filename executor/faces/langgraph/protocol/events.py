"""The protocol's events as values, and how each is told. Pure."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from executor.jobs.entries import Place

ORDER_BITS = 12  # of a seq, for entries of one millisecond: with them a seq is exact in JavaScript until 2039
MOST_IN_ORDER = (1 << ORDER_BITS) - 1
ROOT: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something to tell; `node` is the one that says it, `run` the job that a root's lifecycle or a question is about.

    The data of `values` are read when it is told, at its `checkpoint`; those of a failure, too.
    """

    method: str
    namespace: tuple[str, ...]
    data: Any
    node: str | None = None
    checkpoint: dict[str, Any] | None = None
    run: str | None = None

    @property
    def channel(self) -> str:
        """What one subscribes to for it."""
        return "input" if self.method.startswith("input.") else self.method


def sequence_of(place: Place) -> int:
    """The number by which clients order events, that of their entry: all events of an entry have the same."""
    return place.milliseconds << ORDER_BITS | min(place.sequence, MOST_IN_ORDER)


def place_of(sequence: int) -> Place:
    """The first entry whose events may have the number."""
    return Place(sequence >> ORDER_BITS, sequence & MOST_IN_ORDER)


def id_of(event: Event, place: Place, index: int) -> str:
    """The same for everybody and at any time, as clients pass over ids that they know.

    The lifecycle of a run has the run in it: that is how clients tell whose it is.
    """
    own = f"{place}.{index}"
    return f"synth:{quote(event.run, safe='')}:{own}" if event.run and event.method == "lifecycle" else own


def place_in(event_id: str) -> Place:
    """The entry of an event's id; raises ValueError where it is none of ours."""
    return Place.read(event_id.rpartition(":")[2].partition(".")[0])


def told(event: Event, place: Place, event_id: str) -> dict[str, Any]:
    """The event in the protocol's envelope."""
    params: dict[str, Any] = {
        "namespace": event.namespace,
        "timestamp": place.milliseconds,
        "data": event.data,
        **({"node": event.node} if event.node else {}),
        **({"checkpoint": event.checkpoint} if event.checkpoint and event.method == "values" else {}),
    }
    return {
        "type": "event",
        "event_id": event_id,
        "seq": sequence_of(place),
        "method": event.method,
        "params": params,
    }
