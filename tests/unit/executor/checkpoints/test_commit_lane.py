"""How many units a commit takes, and that none is lost on the way."""

import asyncio
from datetime import UTC, datetime

import pytest

from executor.checkpoints.commit_lane import SLOW_SECONDS, CommitLane
from executor.checkpoints.unit import Rows, Unit, answer
from executor.errors import TryAgain
from executor.jobs.claims import Claim
from executor.telemetry import Metrics

pytestmark = pytest.mark.anyio

STEPS = 20


class Counting(CommitLane):
    """A lane whose database takes a while over anything."""

    def __init__(self) -> None:
        super().__init__({}, Metrics())
        self.sizes: list[int] = []

    async def _send(self, batch):
        self.sizes.append(len(batch))
        await asyncio.sleep(0.002)
        for waiting in batch:
            answer(waiting.done)


def unit(job: str) -> Unit:
    return Unit(Claim(job, 1, 1, 0.0, datetime.now(UTC)), Rows())


async def running(lane: CommitLane, count: int) -> None:
    """So many jobs begin together, and commit step after step."""

    async def job(name: str) -> None:
        for _ in range(STEPS):
            await lane.add(unit(name))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(lane.run())
        await asyncio.gather(*(job(f"j{n}") for n in range(count)))
        await lane.flush()
        task.cancel()


@pytest.mark.parametrize("count", [8, 32, 64])
async def test_jobs_that_begin_together_do_not_wait_together(count):
    lane = Counting()
    await running(lane, count)
    assert sum(lane.sizes) == count * STEPS
    assert max(lane.sizes) <= count // 2
    assert len(lane.sizes) < 4 * STEPS


async def test_where_a_commit_takes_long_none_is_made_to_wait_for_the_next():
    lane = Counting()
    lane._took = 2 * SLOW_SECONDS
    await running(lane, 32)
    assert lane.sizes[0] == 32


async def test_a_unit_that_is_just_being_gathered_when_the_lane_ends_has_its_answer():
    lane = Counting()
    task = asyncio.create_task(lane.run())
    await asyncio.sleep(0)
    done = lane.add(unit("j"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(TryAgain):
        await asyncio.wait_for(done, 1)
    assert lane.sizes == []
