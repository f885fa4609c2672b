"""How many units a commit takes, and that jobs which all began together do not wait together for ever."""

import asyncio
from datetime import UTC, datetime

import pytest

from executor.checkpoints.lane import BATCH_UNITS, FEW, Lane, share
from executor.checkpoints.unit import Rows, Unit, answer
from executor.jobs import Claim
from executor.telemetry import Metrics

pytestmark = pytest.mark.anyio

STEPS = 20


@pytest.mark.parametrize(
    ("last", "waiting", "most"),
    [
        (0, 1, FEW),
        (8, 8, FEW),  # eight that wait for each other part
        (4, 4, FEW),
        (1, 31, 16),
        (16, 16, 16),  # thirty-two that take turns go on so
        (0, 1000, BATCH_UNITS),
    ],
)
def test_a_commit_takes_no_more_than_half_of_many(last, waiting, most):
    assert share(last, waiting, took=0.001) == most


def test_a_commit_that_takes_long_takes_all():
    assert share(8, 8, took=0.1) == BATCH_UNITS


class Counting(Lane):
    """A lane whose database takes a while over anything."""

    sizes: list[int]

    async def _send(self, batch):
        self.sizes.append(len(batch))
        await asyncio.sleep(0.002)
        for waiting in batch:
            answer(waiting.done)


async def test_jobs_that_begin_together_take_turns():
    lane = Counting({}, Metrics())
    lane.sizes = []

    async def job(name):
        for _ in range(STEPS):
            await lane.add(Unit(Claim(name, 1, 1, 0.0, datetime.now(UTC)), Rows()))

    async with asyncio.TaskGroup() as group:
        running = group.create_task(lane.run())
        await asyncio.gather(*(job(f"j{n}") for n in range(32)))
        await lane.flush()
        running.cancel()
    assert sum(lane.sizes) == 32 * STEPS
    assert max(lane.sizes) <= 16
    assert len(lane.sizes) < 4 * STEPS
