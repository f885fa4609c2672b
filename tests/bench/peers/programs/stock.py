"""The measured graph on LangGraph's own saver, every step durable."""

from contextlib import asynccontextmanager

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from place import POSTGRES
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tests.bench.graph import three_nodes

CONNECTION = {**POSTGRES, "autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
CONNECTIONS = 10


@asynccontextmanager
async def graph():
    """Runs a job on the three nodes."""
    async with AsyncConnectionPool(kwargs=CONNECTION, min_size=1, max_size=CONNECTIONS, open=False) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        compiled = three_nodes().compile(checkpointer=saver)

        async def run(job):
            configured = {"configurable": {"thread_id": job["job_id"]}}
            await compiled.ainvoke(job["input_payload"], configured, durability="sync")

        yield run
