"""Whatever the tables hold, a statement reads what it is about."""

import asyncio
import uuid

import pytest

from contract import Env
from executor import migrate
from executor.postgres.pool import connected
from executor.settings import PostgresSettings
from tests import rig
from tests.integration.durable.lab import lab_on
from tests.integration.durable.rows import cost, fill, statements

pytestmark = pytest.mark.anyio

SMALL = (10_000, 2_000)
LARGE = (100_000, 20_000)
LEVELS = 60  # blocks that ten times the rows may add: the indexes are a level deeper

# Whoever forgets a thread reads its jobs, and a search by status all that are in it.
BY_THREAD = {"FORGET_JOBS", "SEARCH interrupted", "SEARCH error"}


async def blocks(environment, finished, waiting):
    """What each statement and each list touches of tables of this size."""
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = PostgresSettings.read(environment | {Env.POSTGRES_DB: name})
    async with rig.database(environment, name):
        await asyncio.to_thread(migrate.migrate, settings, migrate.default_folder())
        async with lab_on(settings) as lab:
            await fill(lab.pool, finished, waiting)
            async with connected(lab.pool) as connection:
                return {name: (await cost(connection, text, values))[0] for name, text, values in statements()}


async def test_no_statement_and_no_list_reads_more_of_ten_times_the_rows(server_environment):
    small, large = [await blocks(server_environment, *size) for size in (SMALL, LARGE)]
    grown = {name: (small[name], large[name]) for name in large if large[name] > 1.25 * small[name] + LEVELS}
    assert grown.keys() == BY_THREAD, grown
