"""The saver of one job: it reads as the stock saver, and writes through the committer, fenced by the job's epoch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from executor.checkpoints import langgraph_internals
from executor.checkpoints.unit import Rows
from executor.checkpoints.write_buffer import WriteBuffer, Written
from executor.errors import TryAgain

Pool = AsyncConnectionPool[Any]


class JobSaver(AsyncPostgresSaver):
    """LangGraph's Postgres saver for the run of one job, alone on its thread.

    Every method raises TryAgain where the database fails, and LeaseLost once another worker owns the job.
    """

    def __init__(self, pool: Pool, serde: SerializerProtocol, buffer: WriteBuffer, *, fresh: bool) -> None:
        super().__init__(pool, serde=serde)
        self._buffer = buffer  # one for all the clones that LangGraph makes
        self._fresh = fresh  # the thread had no checkpoint when this run came to it

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config points at; of a fresh thread only what this run has written is looked for."""
        thread, ns, checkpoint_id = langgraph_internals.place(config)
        if self._fresh and not checkpoint_id and (thread, ns) not in self._buffer.begun:
            return None
        return await super().aget_tuple(config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Commit a checkpoint; that of an input is committed with the first step's, if that follows at once."""
        parent = thread, ns, parent_id = langgraph_internals.place(config)
        place = thread, ns, checkpoint["id"]
        inline, blobs = langgraph_internals.split(checkpoint["channel_values"])
        versions: ChannelVersions = {name: str(version) for name, version in new_versions.items() if name in blobs}
        body = langgraph_internals.as_json({**checkpoint, "channel_values": inline})
        row = (*place, parent_id, body, langgraph_internals.described(config, metadata))
        rows = Rows(blobs=self._dump_blobs(thread, ns, blobs, versions), checkpoints=[row])
        if langgraph_internals.is_input(metadata):
            await self._buffer.hold(place, rows)
        else:
            await self._buffer.put(
                place, parent, rows, lambda channels: langgraph_internals.carries(checkpoint, channels)
            )
        return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Commit what a task wrote, unless the checkpoint that follows at once makes it superfluous."""
        place = thread, ns, checkpoint_id = langgraph_internals.place(config)
        writes = langgraph_internals.without_spent_answers(writes)
        await self._buffer.write(
            Written(
                place,
                {channel for channel, _ in writes},
                lambda: self._dump_writes(thread, ns, str(checkpoint_id), task_id, task_path, writes),
            )
        )

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[psycopg.AsyncCursor[DictRow]]:
        """What the stock saver reads and deletes through: after everything that was handed over before."""
        await self._buffer.flush()
        try:
            async with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor
        except psycopg.Error as error:
            raise TryAgain(f"Postgres: {type(error).__name__}") from error
