"""How a command runs what is asynchronous."""

import asyncio
from collections.abc import Callable, Coroutine

import uvloop


def run(program: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run to the end; raises the error that ended it, out of the groups that task groups make."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(program())
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
