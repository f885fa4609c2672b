import asyncio
import time

import pytest

from executor.errors import TryAgain
from executor.postgres.batching import MOST, Batcher

pytestmark = pytest.mark.anyio


class Asks:
    """Doubles numbers, and notes which travelled together; negative ones spoil whatever they are in."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.error: Exception | None = None
        self.begun, self.answering = asyncio.Event(), asyncio.Event()
        self.answering.set()

    async def __call__(self, numbers):
        self.asked.append(list(numbers))
        self.begun.set()
        await self.answering.wait()
        if self.error is not None:
            raise self.error
        if bad := [number for number in numbers if number < 0]:
            raise ValueError(bad[0])
        return [2 * number for number in numbers]


@pytest.fixture
def asks():
    return Asks()


@pytest.fixture
def batcher(asks):
    return Batcher(asks, key=lambda number: number % 100)


async def test_those_that_come_while_one_is_asked_go_together(asks, batcher):
    asks.answering.clear()
    first = asyncio.create_task(batcher(1))
    await asks.begun.wait()
    others = asyncio.gather(batcher(2), batcher(3))
    await asyncio.sleep(0)
    asks.answering.set()
    assert [await first, *await others] == [2, 4, 6]
    assert asks.asked == [[1], [2, 3]]


async def test_while_others_have_much_to_do_those_that_come_go_together(asks, batcher, monkeypatch):
    monkeypatch.setattr("executor.postgres.batching.LONGEST_SECONDS", 10.0)

    async def later(number):
        for _ in range(3):
            time.sleep(0.001)  # noqa: ASYNC251 - a turn of the event loop that is a long one
            await asyncio.sleep(0)
        return await batcher(number)

    assert list(await asyncio.gather(batcher(1), later(2), later(3))) == [2, 4, 6]
    assert asks.asked == [[1, 2, 3]]


async def test_two_with_the_same_key_never_travel_together(asks, batcher):
    assert list(await asyncio.gather(batcher(1), batcher(101), batcher(2))) == [2, 202, 4]
    assert asks.asked == [[1, 2], [101]]


async def test_no_more_travel_than_a_statement_should_hold(asks):
    batcher = Batcher(asks, key=lambda number: number)
    await asyncio.gather(*map(batcher, range(MOST + 1)))
    assert [len(numbers) for numbers in asks.asked] == [MOST, 1]


async def test_none_fails_for_the_sake_of_another(batcher):
    answers = await asyncio.gather(batcher(1), batcher(-2), batcher(3), return_exceptions=True)
    assert [repr(answer) for answer in answers] == ["2", "ValueError(-2)", "6"]


async def test_where_the_database_fails_nobody_is_asked_alone(asks, batcher):
    asks.error = TryAgain("Postgres")
    answers = await asyncio.gather(batcher(1), batcher(2), return_exceptions=True)
    assert list(answers) == [asks.error, asks.error]
    assert asks.asked == [[1, 2]]
    asks.error = None
    assert await batcher(3) == 6


async def test_who_is_cancelled_keeps_nobody_from_an_answer(asks, batcher):
    gone, stays = asyncio.create_task(batcher(1)), asyncio.create_task(batcher(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
    assert asks.asked == [[1, 2]]
