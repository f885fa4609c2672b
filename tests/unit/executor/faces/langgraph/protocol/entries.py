"""Entries of a thread, a millisecond apart."""

import json
from typing import Any

from executor.jobs.entries import Place, StreamEntry


def entry(  # noqa: PLR0913, PLR0917 - as many as it has fields
    at: int, kind: str, data: Any = None, node: str = "", ns: str = "", job: str = "j"
) -> StreamEntry:
    """An entry as the stream holds it."""
    fields = {"job": job, "attempt": "1", "type": kind, "node": node, "ns": ns, "data": json.dumps(data)}
    return StreamEntry(Place(at, 0), fields)


def checkpoint(at: int, name: str, ns: str = "", job: str = "j") -> StreamEntry:
    """A step is committed."""
    return entry(at, "checkpoint", {"id": name, "parent_id": None, "step": 0, "source": "loop"}, ns=ns, job=job)


def begins(at: int, job: str = "j") -> StreamEntry:
    """A claim begins."""
    return entry(at, "start", {"attempt": 1}, job=job)


def ends(at: int, status: str = "completed", job: str = "j") -> StreamEntry:
    """A job ends."""
    return entry(at, "end", {"status": status}, job=job)


def asks(at: int, name: str, value: Any = "Sure?", job: str = "j", ns: str = "") -> StreamEntry:
    """A question is asked."""
    return entry(at, "interrupt", {"id": name, "value": value}, job=job, ns=ns)
