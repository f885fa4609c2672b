"""Definitions by digest: written with the jobs that need them, each once; read where a name means another by now."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from executor.jobs.agents import UNRESOLVED, Resolved
from executor.ledger.sql import definitions as sql
from executor.postgres.pool import Connection, Pool, connected, fetch

KNOWN_SECONDS = 1800.0  # with the hour in KEEP far less than what retention waits after the last use
MOST_KNOWN = 1024


class Definitions:
    """Raises TryAgain where the database fails."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def definition(self, digest: str) -> dict[str, Any] | None:
        """The definition of this digest."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.SHOW_DEFINITION, {"definition": digest})
        return rows[0]["definition"] if rows else None

    async def ran(self, thread_id: str) -> Resolved:
        """What the thread's latest job runs; UNRESOLVED where that is not known, or there is none."""
        async with connected(self._pool) as connection:
            rows = await fetch(connection, sql.RAN, {"thread_id": thread_id})
        return Resolved(**rows[0]) if rows else UNRESOLVED


class Keeping:
    """Spares a process writing again what it has just seen to be there; the latest are remembered."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, float] = OrderedDict()

    def columns(self, wanted: Iterable[Resolved]) -> dict[str, list[str]]:
        """What KEEP is to write, for all who want it."""
        now = time.monotonic()
        texts = {
            each.definition: each.text
            for each in wanted
            if each.definition and each.text and self._known.get(each.definition, 0.0) <= now
        }
        return {"kept_digests": list(texts), "kept_texts": list(texts.values())}

    def written(self, columns: Mapping[str, list[str]]) -> None:
        """These are committed."""
        until = time.monotonic() + KNOWN_SECONDS
        for digest in columns["kept_digests"]:
            self._known[digest] = until
            self._known.move_to_end(digest)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


async def keep(connection: Connection, columns: Mapping[str, list[str]]) -> None:
    """Write them, in the transaction of who needs them."""
    if columns["kept_digests"]:
        await fetch(connection, sql.KEEP, columns)


def resolved_columns(resolved: Resolved) -> dict[str, str | None]:
    """The columns of a job that say what it runs."""
    return {"agent": resolved.agent, "definition": resolved.definition}
