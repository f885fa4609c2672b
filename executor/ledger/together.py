"""Calls of many jobs that travel together, so that one commit serves them all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from executor.errors import TryAgain

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 64
COMPANY_SECONDS = 0.002


class Together(Generic[Asked, Answer]):
    """Gathers what is asked while a question is under way, and asks it all in the next.

    The first goes at once; only where the last did not go alone, the next waits two milliseconds for others.

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
        self._had_company = False

    async def __call__(self, asked: Asked) -> Answer:
        """Its answer, or what `ask` raises for it."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
        return await answer

    async def _ask_all(self) -> None:
        while self._waiting:
            if self._had_company:
                await asyncio.sleep(COMPANY_SECONDS)
            company = self._gather()
            self._had_company = len(company) > 1
            try:
                await self._ask_for(company)
            except TryAgain as error:
                _fail(company, error)
            except Exception as error:  # noqa: BLE001 - whose fault it is shows when each is asked alone
                await self._ask_apart(company, error)

    def _gather(self) -> list[tuple[Asked, asyncio.Future[Answer]]]:
        company: dict[Hashable, tuple[Asked, asyncio.Future[Answer]]] = {}
        self._waiting = [
            waits
            for waits in self._waiting
            if len(company) == MOST or company.setdefault(self._key(waits[0]), waits) is not waits
        ]
        return list(company.values())

    async def _ask_for(self, company: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        answers = await self._ask([asked for asked, _ in company])
        for (_, waits), answer in zip(company, answers, strict=True):
            if not waits.done():
                waits.set_result(answer)

    async def _ask_apart(self, company: Sequence[tuple[Asked, asyncio.Future[Answer]]], error: Exception) -> None:
        if len(company) == 1:
            return _fail(company, error)
        for one in company:
            try:
                await self._ask_for([one])
            except Exception as its_own:  # noqa: BLE001 - its caller's
                _fail([one], its_own)
        return None


def _fail(company: Sequence[tuple[object, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, waits in company:
        if not waits.done():
            waits.set_exception(error)
