"""Whose turn a sweep is: one process sweeps for all, and none that died holds it up."""

import asyncio

import pytest

from executor.postgres.pool import connected, fetch

pytestmark = pytest.mark.anyio

PASS = "UPDATE sweeps SET until = now() - interval '1 second' WHERE name = %(name)s RETURNING name"


async def test_one_of_many_at_once_has_the_turn(lab, name):
    assert sorted(await asyncio.gather(*(lab.sweeps.take(name, 60) for _ in range(4)))) == [False, False, False, True]


async def test_a_turn_is_another_s_when_its_seconds_are_over(lab, name):
    assert await lab.sweeps.take(name, 60)
    assert not await lab.sweeps.take(name, 60)
    async with connected(lab.pool) as connection:
        assert await fetch(connection, PASS, {"name": name})
    assert sorted(await asyncio.gather(*(lab.sweeps.take(name, 60) for _ in range(4)))) == [False, False, False, True]


async def test_one_sweep_does_not_hold_another_up(lab, name):
    assert await lab.sweeps.take(name, 60)
    assert await lab.sweeps.take(f"{name} another", 60)
