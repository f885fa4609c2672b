"""A service with agents of a folder and graphs of an image, and unmodified clients of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from contract import Env
from executor.embedded.commands import Service
from executor.embedded.model import Model
from tests import rig
from tests.integration.conftest import serving
from tests.rig import Environment

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
async def faced(
    server_environment: Environment, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A running service with agents; its log is shown at the end when it fails."""
    more = {
        Env.EXECUTOR_MAX_ATTEMPTS: "1",
        Env.EXECUTOR_GRAPHS: str(HERE / "langgraph.json"),
        Env.EXECUTOR_AGENTS: str(HERE / "agents"),
    }
    log = tmp_path_factory.mktemp("faced") / "serve.log"
    async with rig.own_place(server_environment, **more) as place, serving(place, model, log) as service:
        yield service


@pytest.fixture
async def client(faced: Service) -> AsyncIterator[LangGraphClient]:
    """LangGraph's own client."""
    async with get_client(url=faced.url, api_key=None) as found:
        yield found
