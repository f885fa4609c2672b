"""What any process does in the ledger for all of them, and whose turn it is."""

from executor.jobs.claims import Claim, Wake
from executor.jobs.job import Message
from executor.ledger.sql import sweeps as sql
from executor.postgres.pool import Pool, connected, fetch


class Sweeps:
    """Every method is one round trip where nothing else is said, and raises TryAgain where the database fails."""

    def __init__(self, pool: Pool, lease_seconds: float) -> None:
        self._pool = pool
        self._lease = lease_seconds

    async def take(self, name: str, seconds: float) -> bool:
        """Whether the sweep is the caller's for so many seconds; else it is another's, or was within its seconds."""
        async with connected(self._pool) as connection:
            return bool(await fetch(connection, sql.TAKE, {"name": name, "seconds": seconds}))

    async def wakes(self) -> list[Wake]:
        """Wake whose time has come, up to a hundred of a kind; two round trips.

        Those who are due, who were answered, who wait for a thread that became free, and who were woken a minute ago
        and nobody is at it.
        """
        return await self._woken(sql.WAKE_DUE, sql.WAKE_AGAIN)

    async def forgotten(self) -> list[Wake]:
        """Wake who waits for a free thread, on a hundred threads; the next call looks at those after them."""
        return await self._woken(sql.FORGOTTEN)

    async def _woken(self, *statements: str) -> list[Wake]:
        async with connected(self._pool) as connection:
            return [Wake(**row) for each in statements for row in await fetch(connection, each, {})]

    async def overdue(self) -> list[Message]:
        """Up to a hundred messages that were promised half a minute ago and are not marked."""
        async with connected(self._pool) as connection:
            return [Message(**row) for row in await fetch(connection, sql.OVERDUE, {})]

    async def orphans(self, first: int) -> list[tuple[str, Claim]]:
        """Claim up to a hundred jobs that nobody has, and whose messages lay before the stream's first; their threads.

        One that waits in the ledger needs no message, and is none of them.
        """
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.ORPHANS, {"lease": self._lease, "first": first})
        return [(row.pop("thread_id"), Claim(elapsed=0.0, **row)) for row in rows]
