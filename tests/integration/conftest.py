"""A service that many tests share, with everything under it; who kills or stops one has its own."""

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from contract import Env
from executor.embedded import Servers
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from executor.embedded.model import Model
from tests import rig
from tests.integration.world import World, world
from tests.rig import Environment


@asynccontextmanager
async def serving(place: Environment, model: Model, log: Path) -> AsyncIterator[Service]:
    """A running service at a place that is provisioned first; its log is shown at the end when something fails."""
    more = {Env.OPENAI_API_KEY: "scripted", Env.OPENAI_BASE_URL: model.url, Env.PORT: str(free_port())}
    await rig.provision(place)
    async with Service(place | more, log=log) as service:
        try:
            yield service
        finally:
            sys.stderr.write(service.tail(200))


@dataclass(frozen=True)
class Shared:
    """A running service and its clients."""

    world: World
    http: httpx.AsyncClient
    log: Path


@pytest.fixture(scope="session")
async def shared(
    server_environment: Environment, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shared]:
    """A service with names of its own that runs as long as the tests do; its log is shown at the end when it fails."""
    log = tmp_path_factory.mktemp("shared") / "serve.log"
    async with (
        rig.own_place(server_environment, **{Env.EXECUTOR_MAX_ATTEMPTS: "2"}) as place,
        serving(place, model, log) as service,
        httpx.AsyncClient(base_url=service.url, timeout=60) as http,
        world(place) as mine,
    ):
        yield Shared(mine, http, log)


@pytest.fixture
def running(shared: Shared) -> World:
    """The world under the shared service."""
    return shared.world


@pytest.fixture
def http(shared: Shared) -> httpx.AsyncClient:
    """A client of the shared service."""
    return shared.http


@pytest.fixture
async def own(provisioned: Environment) -> AsyncIterator[World]:
    """A world of the test's own, with nobody at work."""
    async with world(provisioned) as mine:
        yield mine


@pytest.fixture
async def alone(own_servers: Servers, model: Model) -> AsyncIterator[World]:
    """Servers that this test alone has, provisioned, and a world on them."""
    environment = own_servers.environment() | {
        Env.NATS_STREAM_NAME: "AGENT_EXECUTION",
        Env.NATS_CONSUMER_GROUP: "workers",
        Env.OPENAI_API_KEY: "scripted",
        Env.OPENAI_BASE_URL: model.url,
    }
    await rig.provision(environment)
    async with world(environment) as mine:
        yield mine


@pytest.fixture
def job_id() -> str:
    """An id that no other job has."""
    return f"job-{uuid.uuid4().hex[:8]}"
