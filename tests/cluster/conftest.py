"""One cluster for all tests; each has a tenant of its own, but those that only look at the seed's."""

import sys
from collections.abc import AsyncIterator

import pytest

from tests import rig
from tools.cluster.cluster import Cluster
from tools.cluster.cluster import cluster as start


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The newest Crossplane, without KEDA until a test installs it."""
    async with start(tmp_path_factory.mktemp("cluster"), _tell) as running:
        await rig.drop_anchor(running.servers.environment())
        yield running


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
