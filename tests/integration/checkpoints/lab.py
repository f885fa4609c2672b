"""A migrated database, jobs in it, and both savers: ours and LangGraph's own."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from executor import checkpoints
from executor.jobs.claims import Claim
from executor.postgres.pool import open_pool
from executor.settings import CheckpointSettings, PostgresSettings
from executor.telemetry import Metrics

COUNT = "SELECT count(*) FROM {} WHERE thread_id = %(job)s"
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")

CLAIM = """
INSERT INTO jobs AS job (job_id, thread_id, digest, status, epoch) VALUES (%(job)s, %(thread)s, '', 'running', 1)
ON CONFLICT (job_id) DO UPDATE SET epoch = job.epoch + 1
RETURNING epoch, epoch = 1 AND NOT EXISTS (SELECT FROM checkpoints WHERE thread_id = %(thread)s)
"""


@dataclass(frozen=True)
class Lab:
    """What a test of the savers needs."""

    admin: psycopg.AsyncConnection[Any]
    savers: checkpoints.Savers
    stock: AsyncPostgresSaver
    metrics: Metrics
    postgres: PostgresSettings

    async def claim(self, job: str | None = None) -> Claim:
        """A claim of the job, new or taken from whoever has it; its thread has the same name."""
        job = job or uuid.uuid4().hex
        cursor = await self.admin.execute(CLAIM, {"job": job, "thread": job})
        row = await cursor.fetchone()
        assert row is not None
        return claim_of(job, *row)

    async def saver(self, job: str) -> Any:
        """Our saver for a new claim of the job."""
        return self.savers.of(await self.claim(job))

    async def rows(self, job: str) -> list[int]:
        """How many rows of checkpoints, blobs and writes the thread has."""
        return [(await self.ask(COUNT.format(table), job=job))[0][0] for table in TABLES]

    async def ask(self, query: str, **values: Any) -> list[Any]:
        cursor = await self.admin.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description else []

    def value(self, sample: str) -> float:
        """A metric of the saver."""
        found = self.metrics.registry.get_sample_value(f"agent_executor_checkpoint_{sample}")
        assert found is not None
        return found


def claim_of(job: str, epoch: int, fresh: bool = False) -> Claim:  # noqa: FBT001, FBT002 - a column of the claim's row
    return Claim(job, epoch, attempt=epoch, elapsed=0.0, at=datetime.now(UTC), fresh=fresh)


def at(thread: str, **where: str) -> Any:
    """A config that points at a thread."""
    return {"configurable": {"thread_id": thread, **where}}


@asynccontextmanager
async def lab_on(postgres: PostgresSettings, **settings: str) -> AsyncIterator[Lab]:
    metrics = Metrics()
    chosen = CheckpointSettings.read({f"EXECUTOR_CHECKPOINT_{name.upper()}": value for name, value in settings.items()})
    async with (
        open_pool(postgres) as pool,
        checkpoints.open_savers(chosen, postgres, pool, metrics) as savers,
        await psycopg.AsyncConnection.connect(**postgres.conninfo(), autocommit=True) as admin,
    ):
        yield Lab(admin, savers, checkpoints.stock(pool), metrics, postgres)
