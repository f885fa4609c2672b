"""Waiting for company: what many jobs ask for at about the same time can travel together."""

import asyncio
import time
from collections.abc import Callable

IDLE_SECONDS = 0.0001  # in a turn of the event loop that took no longer, nobody had much to do
LONGEST_SECONDS, LONGEST_TURNS = 0.02, 20


async def company(enough: Callable[[], bool]) -> None:
    """Let others run until there are enough, but only while they have much to do, and for 20 ms and a turn at most.

    Where nobody has, it takes one turn of the event loop: microseconds.
    """
    began = turned = time.perf_counter()
    for _ in range(LONGEST_TURNS):
        if enough():
            return
        await asyncio.sleep(0)
        now = time.perf_counter()
        if now - turned < IDLE_SECONDS or now - began > LONGEST_SECONDS:
            return
        turned = now
