import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract import Env
from executor import migrate
from executor.embedded.loopback import HOST
from executor.embedded.postgres import Postgres
from executor.settings import PostgresSettings
from tests import rig
from tests.integration.checkpoints.lab import Lab, lab_on
from tests.rig import Environment


@pytest.fixture(scope="session")
async def migrated(server_environment: Environment) -> AsyncIterator[Environment]:
    """A migrated database that all these tests share: each has threads of its own."""
    environment = server_environment | {Env.POSTGRES_DB: f"t{uuid.uuid4().hex[:12]}"}
    async with rig.database(server_environment, environment[Env.POSTGRES_DB]):
        await asyncio.to_thread(migrate.migrate, PostgresSettings.read(environment), migrate.default_folder())
        yield environment


@pytest.fixture
def postgres(migrated: Environment) -> PostgresSettings:
    return PostgresSettings.read(migrated)


@pytest.fixture
async def lab(postgres: PostgresSettings) -> AsyncIterator[Lab]:
    async with lab_on(postgres) as opened:
        yield opened


@pytest.fixture
async def keeping(postgres: PostgresSettings) -> AsyncIterator[Lab]:
    """The same, with every task's writes kept."""
    async with lab_on(postgres, writes="keep") as opened:
        yield opened


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server that this test alone has, to stop and to kill."""
    server = Postgres(tmp_path, "secret")
    try:
        await server.start()
        settings = settings_of(server)
        await asyncio.to_thread(migrate.migrate, settings, migrate.default_folder())
        yield server
    finally:
        await server.stop()


def settings_of(server: Postgres) -> PostgresSettings:
    return PostgresSettings.read(
        {
            Env.POSTGRES_HOST: HOST,
            Env.POSTGRES_PORT: str(server.port),
            Env.POSTGRES_DB: server.database,
            Env.POSTGRES_USER: server.user,
            Env.POSTGRES_PASSWORD: server.password,
        }
    )


@pytest.fixture
async def own_lab(own_postgres: Postgres) -> AsyncIterator[Lab]:
    async with lab_on(settings_of(own_postgres)) as opened:
        yield opened
