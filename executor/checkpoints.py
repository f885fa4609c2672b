"""Checkpoints: LangGraph's Postgres saver, on the pool of the ledger, and the tables that it needs."""

from typing import Any

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool


def saver(pool: AsyncConnectionPool[Any]) -> AsyncPostgresSaver:
    """The saver of every graph of this process.

    Strict: what lies in the database may name no class that is not LangGraph's or LangChain's own.
    """
    return AsyncPostgresSaver(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=None))


def create_tables(connection: psycopg.Connection[DictRow]) -> None:
    """Create or upgrade LangGraph's tables, by LangGraph itself; not inside a transaction, and one at a time."""
    PostgresSaver(connection).setup()
