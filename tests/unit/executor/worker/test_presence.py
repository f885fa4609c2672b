"""Presence: a pod says that it is alive."""

import asyncio

import pytest

from executor.worker import presence
from executor.worker.presence import Presence
from tests.unit.executor.conftest import until_true

pytestmark = pytest.mark.anyio


async def test_a_pod_says_that_it_is_alive_until_it_ends(world, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.001)
    here = Presence(world.pods, "a", "1", ("x",))
    keeping = asyncio.create_task(here.keep())
    await until_true(lambda: len(world.pods.journal) >= 2)
    world.pods.down = True
    await asyncio.sleep(0.01)
    world.pods.down = False
    said = len(world.pods.journal)
    await until_true(lambda: len(world.pods.journal) > said)
    keeping.cancel()
    await asyncio.wait([keeping])
    await here.end()
    assert set(world.pods.journal) == {("seen", "a", "1", "x"), ("gone", "a")}
    assert world.pods.journal[-1] == ("gone", "a")


async def test_an_end_that_cannot_be_said_keeps_nobody(world):
    world.pods.down = True
    await Presence(world.pods, "a", "1", ()).end()
