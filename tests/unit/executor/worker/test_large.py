"""Room for large outcomes: few are in flight, none waits for ever, small ones never wait."""

import asyncio

import pytest

from executor.worker.large import Room

pytestmark = pytest.mark.anyio


class Flights:
    """Outcomes of these sizes, each in flight until it is let go."""

    def __init__(self, *sizes):
        self.room = Room(total=100, small=10)
        self.flying = []
        self._landings = [asyncio.Event() for _ in sizes]
        self.tasks = [asyncio.create_task(self._fly(index, size)) for index, size in enumerate(sizes)]

    async def _fly(self, index, size):
        async with self.room.of(size):
            self.flying.append(index)
            try:
                await self._landings[index].wait()
            finally:
                self.flying.remove(index)

    async def settled(self):
        for _ in range(10):
            await asyncio.sleep(0)
        return self.flying

    async def land(self, *indexes):
        for index in indexes:
            self._landings[index].set()
        return await self.settled()


async def test_as_many_are_in_flight_as_there_is_room_for_in_the_order_in_which_they_came():
    flights = Flights(60, 40, 50, 10)
    assert await flights.settled() == [0, 1]
    assert await flights.land(1) == [0]
    assert await flights.land(0) == [2, 3]
    assert await flights.land(2, 3) == []


async def test_one_that_is_larger_than_all_the_room_goes_alone():
    flights = Flights(50, 1000, 50)
    assert await flights.settled() == [0]
    assert await flights.land(0) == [1]
    assert await flights.land(1) == [2]
    assert await flights.land(2) == []


async def test_what_is_small_does_not_wait():
    flights = Flights(100, 50, 9)
    assert await flights.settled() == [0, 2]
    assert await flights.land(0, 1, 2) == []


async def test_who_is_cancelled_while_it_waits_or_flies_gives_its_room_back():
    flights = Flights(100, 100, 100)
    await flights.settled()
    flights.tasks[1].cancel()
    flights.tasks[0].cancel()
    await flights.settled()
    assert flights.flying == [2]
    await flights.land(2)
    async with asyncio.timeout(1), flights.room.of(100):
        pass
