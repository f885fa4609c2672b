import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from contract import Env
from executor import migrate
from executor.settings import PostgresSettings
from tests import rig
from tests.integration.durable.lab import Lab, lab_on
from tests.integration.durable.steps import Steps
from tests.integration.durable.workers import WAITS, Forked, quicken, shorten_ack_wait
from tests.integration.world import World, unique
from tests.rig import Environment


@pytest.fixture(scope="session")
async def postgres(server_environment: Environment) -> AsyncIterator[PostgresSettings]:
    """A migrated database that the tests of the ledger share: each has jobs and threads of its own."""
    name = f"t{uuid.uuid4().hex[:12]}"
    settings = PostgresSettings.read(server_environment | {Env.POSTGRES_DB: name})
    async with rig.database(server_environment, name):
        await asyncio.to_thread(migrate.migrate, settings, migrate.default_folder())
        yield settings


@pytest.fixture
async def lab(postgres: PostgresSettings) -> AsyncIterator[Lab]:
    async with lab_on(postgres) as opened:
        yield opened


@pytest.fixture
async def place(own: World) -> World:
    """A world of the test's own, with nobody at work, where an ack-wait is over soon."""
    await shorten_ack_wait(own.environment)
    return own


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of workers in this process, as short as those of the others."""
    for module, name in WAITS:
        monkeypatch.setattr(module, name, getattr(module, name))
    quicken()


@pytest.fixture
def name() -> str:
    """A job's id that no other has."""
    return unique()


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
async def fork(place: World, tmp_path: Path) -> AsyncIterator[Callable[..., Forked]]:
    """Start a service in a process of its own, with more variables where given."""
    async with AsyncExitStack() as stack:

        def start(environment: Mapping[str, str] = place.environment, **more: str) -> Forked:
            service = Forked(environment, tmp_path / f"{uuid.uuid4().hex[:6]}.log")
            stack.callback(lambda: sys.stderr.write(service.log.read_text() if service.log.exists() else ""))
            stack.push_async_callback(service.stop)
            service.start(**more)
            return service

        yield start
