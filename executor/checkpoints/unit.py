"""What one job wants committed together, as rows of the tables."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from executor.jobs.claims import Claim

Row = tuple[Any, ...]  # the columns of a table, in the order of the statement

ROW_BYTES = 200  # about what a row weighs beside its values


class Rows(NamedTuple):
    """Rows of the three tables of checkpoints."""

    blobs: Sequence[Row] = ()
    checkpoints: Sequence[Row] = ()
    writes: Sequence[Row] = ()

    def joined(self, other: "Rows") -> "Rows":
        """All rows of both."""
        return Rows([*self.blobs, *other.blobs], [*self.checkpoints, *other.checkpoints], [*self.writes, *other.writes])


@dataclass(eq=False, slots=True)
class Unit:
    """Rows that are written all or not at all: only while the job is still at this epoch.

    `size` is about how many bytes it is on the wire: what is large stands in the last two columns of each table.
    """

    claim: Claim
    rows: Rows = field(repr=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum([ROW_BYTES + len(row[-1]) + len(row[-2]) for table in self.rows for row in table])


def distinct(writes: Iterable[Row]) -> list[Row]:
    """One row a key, as one statement must have it: of the special writes (below zero) the last, else the first.

    So does LangGraph's in-memory saver, and so do two statements of the stock one.
    """
    kept: dict[Row, Row] = {}
    for row in writes:
        thread_id, checkpoint_ns, checkpoint_id, task_id, _, index = row[:6]
        key = (thread_id, checkpoint_ns, checkpoint_id, task_id, index)
        if index < 0 or key not in kept:
            kept[key] = row
    return list(kept.values())


def answer(done: asyncio.Future[None], error: BaseException | None = None) -> None:
    """Tell whoever waits, if anybody still does."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
