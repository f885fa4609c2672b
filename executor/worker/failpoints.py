"""Failpoints: a process dies at a named point of a job's path, for whoever wants to see what then becomes of the job.

`EXECUTOR_CRASH_AT=POINT` puts a stand-in before the part whose method ends at that point; unset, there is none.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from executor.jobs.claims import Claim
from executor.jobs.job import TERMINAL
from executor.settings import FailpointName

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Parts = TypeVar("Parts", bound="DataclassInstance")
Is = Callable[[Sequence[Any], Any], bool]  # a call's arguments and result -> whether the point is reached


@dataclass(frozen=True)
class Point:
    """The end of a call of `method`, or that of `then` on what it gives back; `grace` is for what is on its way."""

    part: str
    method: str
    is_here: Is = lambda _, result: bool(result)
    then: str | None = None
    grace: float = 0.0


def _second_step() -> Is:
    """The begin of the second step: the checkpoint of the first is committed."""
    steps = count(1)
    return lambda args, _: args[0].type == "node_start" and next(steps) > 1


POINTS: dict[FailpointName, Point] = {
    "taken": Point("broker", "take"),
    "claimed": Point("ledger", "claim", lambda _, result: isinstance(result, Claim)),
    "running": Point("progress", "emit", _second_step()),
    "finished": Point("ledger", "finish", lambda *_: True),
    "published": Point("broker", "publish", lambda args, _: args[0].subject.rpartition(".")[2] in TERMINAL),
    "acknowledged": Point("broker", "take", lambda *_: True, then="ack", grace=0.1),
    "parked": Point("room", "park"),
    "woken": Point("ledger", "mark_and_wake"),  # its message is not published yet
}


class Failpoint:
    """Stands in for whatever is behind it, and dies where the point is reached."""

    def __init__(self, behind: Any, point: Point) -> None:
        self._behind = behind
        self._point = point

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        return self._watched(found) if name == self._point.method else found

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            result = method(*args, **named)
            return self._awaited(result, args) if inspect.isawaitable(result) else self._passed(result, args)

        return call

    async def _awaited(self, result: Awaitable[Any], args: Sequence[Any]) -> Any:
        answer = await result
        await asyncio.sleep(self._point.grace)
        return self._passed(answer, args)

    def _passed(self, result: Any, args: Sequence[Any]) -> Any:
        if self._point.then and result is not None:
            return Failpoint(result, replace(self._point, method=self._point.then, then=None))
        if not self._point.then and self._point.is_here(args, result):
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def with_failpoint(parts: Parts, where: FailpointName | None) -> Parts:
    """The parts of a service, one of them deadly where a point is named."""
    if where is None:
        return parts
    point = POINTS[where]
    return replace(parts, **{point.part: Failpoint(getattr(parts, point.part), point)})
