"""The one statement that commits the units of many jobs, and its parameters: an array for each column."""

import re
from collections.abc import Sequence
from typing import Any

from executor.checkpoints.unit import Row, Unit
from executor.postgres.arrays import Packed, packed

# A unit's rows are joined to its fence: where another worker has raised the job's epoch nothing is inserted, and the
# unit is missing from the result. The row of the job stays locked until the commit, so that no epoch is raised between
# the look and the write. KEY SHARE conflicts with raising an epoch, which a unique index makes part of a key, and with
# nothing else: neither leases nor outcomes wait for checkpoints. Locked in order, so that two statements never wait for
# each other. Each insert may repeat one whose answer was lost.
STATEMENT = b"""
WITH fence AS MATERIALIZED (
    SELECT unit.n
    FROM (SELECT * FROM unnest(%b::int4[], %b::text[], %b::int8[]) AS given (n, job_id, epoch) ORDER BY job_id) AS unit,
        LATERAL (
            SELECT FROM jobs WHERE job_id = unit.job_id AND epoch = unit.epoch AND status = 'running' FOR KEY SHARE
        ) AS mine
), blobs AS (
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT thread_id, checkpoint_ns, channel, version, type, blob
    FROM fence JOIN
        unnest(%b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[])
        AS given (n, thread_id, checkpoint_ns, channel, version, type, blob) USING (n)
    ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING
), checkpoints AS (
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint::jsonb, metadata::jsonb
    FROM fence JOIN
        unnest(%b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
        AS given (n, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata) USING (n)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
    DO UPDATE SET checkpoint = excluded.checkpoint, metadata = excluded.metadata
), writes AS (
    INSERT INTO checkpoint_writes
        (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    FROM fence JOIN
        unnest(%b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int4[], %b::text[],
               %b::text[], %b::bytea[])
        AS given (n, thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob) USING (n)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
    DO UPDATE SET channel = excluded.channel, type = excluded.type, blob = excluded.blob WHERE excluded.idx < 0
)
SELECT n FROM fence
"""

TYPES = [kind.decode() for kind in re.findall(rb"%b::(\w+)\[\]", STATEMENT)]
FENCE, BLOBS, CHECKPOINTS, WRITES = 3, 7, 7, 10  # how many parameters each part has


def parameters(units: Sequence[Unit]) -> list[Packed]:
    """The columns of all rows, each row led by the number of its unit."""
    fence = [(n, unit.claim.job_id, unit.claim.epoch) for n, unit in enumerate(units)]
    tables = zip(*(unit.rows for unit in units), strict=True)
    columns = _columns(fence, FENCE)
    for table, width in zip(tables, (BLOBS, CHECKPOINTS, WRITES), strict=True):
        columns += _columns([(n, *row) for n, rows in enumerate(table) for row in rows], width)
    return [packed(kind, column) for kind, column in zip(TYPES, columns, strict=True)]


def _columns(rows: Sequence[Row], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
