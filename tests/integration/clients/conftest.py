"""A service with agents of a folder and graphs of an image, and unmodified clients of it."""

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from contract import Env
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from executor.embedded.model import Model
from tests import rig
from tests.rig import Environment

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
async def faced(
    server_environment: Environment, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A running service with agents; its log is shown at the end when it fails."""
    tag = uuid.uuid4().hex[:12]
    environment = server_environment | {
        Env.NATS_STREAM_NAME: f"T{tag}",
        Env.NATS_CONSUMER_GROUP: f"w{tag}",
        Env.EXECUTOR_SUBJECT_PREFIX: f"t{tag}",
        Env.POSTGRES_DB: f"t{tag}",
        Env.OPENAI_API_KEY: "scripted",
        Env.OPENAI_BASE_URL: model.url,
        Env.EXECUTOR_MAX_ATTEMPTS: "1",
        Env.EXECUTOR_GRAPHS: str(HERE / "langgraph.json"),
        Env.EXECUTOR_AGENTS: str(HERE / "agents"),
        Env.PORT: str(free_port()),
    }
    log = tmp_path_factory.mktemp("faced") / "serve.log"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rig.database(server_environment, environment[Env.POSTGRES_DB]))
        await stack.enter_async_context(rig.streams(server_environment, environment[Env.NATS_STREAM_NAME]))
        await rig.provision(environment)
        service = await stack.enter_async_context(Service(environment, log=log))
        stack.callback(lambda: sys.stderr.write(service.tail(200)))
        yield service


@pytest.fixture
async def client(faced: Service) -> AsyncIterator[LangGraphClient]:
    """LangGraph's own client."""
    async with get_client(url=faced.url, api_key=None) as found:
        yield found
