"""The pods that are alive: each writes down now and then that it is, and what it knows of a job's data."""

from collections.abc import Collection

from executor.ledger.sql import pods as sql
from executor.postgres.pool import EARLIER_NAME, Pool, connected, fetch

STALE_SECONDS = 60  # then a pod counts as gone


class Pods:
    """Every method is one round trip, and raises TryAgain where the database fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def seen(self, pod: str, version: str, features: Collection[str]) -> None:
        """Write down that the pod is alive, and forget those that were not seen for a minute."""
        values = {"pod": pod, "version": version, "features": sorted(features), "stale": STALE_SECONDS}
        async with connected(self._pool) as connection:
            await connection.execute(sql.ALIVE, values)

    async def gone(self, pod: str) -> None:
        """Forget the pod."""
        async with connected(self._pool) as connection:
            await connection.execute(sql.LEFT, {"pod": pod})

    async def all_know(self, features: Collection[str]) -> bool:
        """Whether every pod that is alive knows all of these."""
        values = {"features": sorted(features), "stale": STALE_SECONDS, "earlier": EARLIER_NAME}
        async with connected(self._pool) as connection:
            return not (await fetch(connection, sql.UNKNOWING, values))[0]["found"]
