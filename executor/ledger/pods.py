"""The pods that are alive: each writes down now and then that it is, and what it knows of a job's data."""

from collections.abc import Collection

from executor.postgres.pool import EARLIER_NAME, Pool, connected, fetch

STALE_SECONDS = 60  # then a pod counts as gone

SEEN = """
WITH gone AS (
    DELETE FROM pods WHERE pod IN (
        SELECT pod FROM pods WHERE pod <> %(pod)s AND seen_at < now() - %(stale)s * interval '1 second'
        FOR UPDATE SKIP LOCKED)
)
INSERT INTO pods (pod, version, features) VALUES (%(pod)s, %(version)s, %(features)s::text[])
ON CONFLICT (pod) DO UPDATE SET version = excluded.version, features = excluded.features, seen_at = now()
"""

GONE = "DELETE FROM pods WHERE pod = %(pod)s"

# An image from before this table writes no row: what is seen of it is the name of its connections.
UNKNOWING = """
SELECT EXISTS (SELECT FROM pods WHERE seen_at >= now() - %(stale)s * interval '1 second'
                 AND NOT features @> %(features)s::text[])
    OR EXISTS (SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = %(earlier)s) AS found
"""


class Pods:
    """Every method is one round trip, and raises TryAgain where the database fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def seen(self, pod: str, version: str, features: Collection[str]) -> None:
        """Write down that the pod is alive, and forget those that were not seen for a minute."""
        values = {"pod": pod, "version": version, "features": sorted(features), "stale": STALE_SECONDS}
        async with connected(self._pool) as connection:
            await connection.execute(SEEN, values)

    async def gone(self, pod: str) -> None:
        """Forget the pod."""
        async with connected(self._pool) as connection:
            await connection.execute(GONE, {"pod": pod})

    async def all_know(self, features: Collection[str]) -> bool:
        """Whether every pod that is alive knows all of these."""
        values = {"features": sorted(features), "stale": STALE_SECONDS, "earlier": EARLIER_NAME}
        async with connected(self._pool) as connection:
            return not (await fetch(connection, UNKNOWING, values))[0]["found"]
