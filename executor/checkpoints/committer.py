"""Group commit: the checkpoints of all jobs of this process, on two connections of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from executor.checkpoints.commit_lane import CommitLane, Options
from executor.checkpoints.unit import Unit
from executor.telemetry import Metrics

LARGE_BYTES = 256 << 10
CLOSE_SECONDS = 5.0


class Committer:
    """Commits units; a large one has a lane of its own, so that no small one waits for it."""

    def __init__(self, small: CommitLane, large: CommitLane) -> None:
        self._small = small
        self._large = large

    def __len__(self) -> int:
        return len(self._small) + len(self._large)

    def commit(self, unit: Unit) -> asyncio.Future[None]:
        """Done when the unit is committed; LeaseLost or TryAgain where it is not."""
        lane = self._large if unit.size > LARGE_BYTES else self._small
        return lane.add(unit)

    async def flush(self) -> None:
        """Wait until everything has its answer."""
        await self._small.flush()
        await self._large.flush()


@asynccontextmanager
async def open_committer(conninfo: Options, metrics: Metrics) -> AsyncIterator[Committer]:
    """A committer that connects when there is something to commit; at the end what waits is committed, for a while."""
    lanes = CommitLane(conninfo, metrics), CommitLane(conninfo, metrics)
    committer = Committer(*lanes)
    metrics.waiting_units.set_function(lambda: len(committer))
    async with asyncio.TaskGroup() as group:  # a lane that ends by a bug ends the process, not only its jobs
        running = [group.create_task(lane.run(), name="checkpoints") for lane in lanes]
        yield committer
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await committer.flush()
        for task in running:
            task.cancel()
