"""Real servers for all tests, and for each test names of its own on them."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from executor.embedded.model import Model, scripted
from tests import rig
from tests.rig import Environment

# How long an example takes says more of the machine than of what it shows.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

Serve = Callable[[Mapping[str, str]], Awaitable[Service]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, not in golden/: pytest reads options from the conftest files nearest the root only."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def server_environment() -> AsyncIterator[Environment]:
    """The variables that lead to NATS, Postgres and Dragonfly: those of TEST_*_URL, else our own from wheels."""
    given = rig.from_urls(os.environ)
    async with AsyncExitStack() as stack:
        if not all(os.environ.get(name) for name in rig.TEST_URLS):
            servers = await stack.enter_async_context(embedded.servers())
            given = servers.environment() | given
        await rig.drop_anchor(given)
        yield given


@pytest.fixture
async def own_servers() -> AsyncIterator[embedded.Servers]:
    """Servers that this test alone has, to stop, kill and restart."""
    async with embedded.servers() as servers:
        yield servers


@pytest.fixture(scope="session")
async def model() -> AsyncIterator[Model]:
    """The scripted model server."""
    async with scripted() as running:
        yield running


@pytest.fixture
async def environment(server_environment: Environment, model: Model) -> AsyncIterator[Environment]:
    """What `agent-executor serve` needs but PORT: an empty database and unused names on the broker, gone afterwards."""
    more = {Env.OPENAI_API_KEY: "scripted", Env.OPENAI_BASE_URL: model.url}
    async with rig.own_place(server_environment, **more) as own:
        yield own


@pytest.fixture
async def provisioned(environment: Environment) -> Environment:
    """The same, with the streams, the consumer and the tables there."""
    await rig.provision(environment)
    return environment


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start `agent-executor serve` with an environment, on a free port unless it names one, and wait until it is ready.

    A process of its own, to be asked, stopped and killed; ended with the test, its log shown when that fails.
    """
    async with AsyncExitStack() as stack:

        async def start(environment: Mapping[str, str]) -> Service:
            port = str(free_port())
            service = Service({Env.PORT: port, **environment}, log=tmp_path / f"serve-{port}.log")
            stack.callback(lambda: sys.stderr.write(f"{service.tail(200)}\n"))
            return await stack.enter_async_context(service)

        yield start
