"""Batching: calls of many jobs at about the same time travel together, so that one commit serves them all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from executor.errors import TryAgain

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 64
IDLE_SECONDS = 0.0001  # in a turn of the event loop that took no longer, nobody had much to do
LONGEST_SECONDS, LONGEST_TURNS = 0.02, 20


async def linger(enough: Callable[[], bool]) -> None:
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


class Batcher(Generic[Asked, Answer]):
    """Gathers what is asked while a question is under way, or this process is busy, and asks it all in one.

    `ask` answers in the order of what it is given. Where it fails, each is asked alone, so that none fails for the sake
    of another; where the database itself fails (TryAgain), nobody is. Two with the same `key` never travel together.
    """

    def __init__(
        self, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], key: Callable[[Asked], Hashable]
    ) -> None:
        self._ask = ask
        self._key = key
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """Its answer, or what `ask` raises for it."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        return await answer

    async def _ask_all(self) -> None:
        while self._waiting:
            await linger(lambda: len(self._waiting) >= MOST)
            batch = self._gather()
            try:
                await self._ask_for(batch)
            except TryAgain as error:
                _fail(batch, error)
            except Exception as error:  # noqa: BLE001 - whose fault it is shows when each is asked alone
                await self._ask_apart(batch, error)

    def _gather(self) -> list[tuple[Asked, asyncio.Future[Answer]]]:
        chosen: dict[Hashable, tuple[Asked, asyncio.Future[Answer]]] = {}
        self._waiting = [
            waits
            for waits in self._waiting
            if len(chosen) == MOST or chosen.setdefault(self._key(waits[0]), waits) is not waits
        ]
        return list(chosen.values())

    async def _ask_for(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        answers = await self._ask([asked for asked, _ in batch])
        for (_, waits), answer in zip(batch, answers, strict=True):
            if not waits.done():
                waits.set_result(answer)

    async def _ask_apart(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]], error: Exception) -> None:
        if len(batch) == 1:
            return _fail(batch, error)
        for one in batch:
            try:
                await self._ask_for([one])
            except Exception as its_own:  # noqa: BLE001 - its caller's
                _fail([one], its_own)
        return None


def _fail(batch: Sequence[tuple[object, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, waits in batch:
        if not waits.done():
            waits.set_exception(error)
