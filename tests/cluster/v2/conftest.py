"""The seed's claim, Ready, for tests that leave it as it is."""

from collections.abc import AsyncIterator

import pytest
import yaml

from tests.cluster.tenants import Tenant, seed
from tools.cluster.cluster import Cluster
from tools.cluster.platform import EXAMPLE


@pytest.fixture(scope="session")
async def agent(cluster: Cluster) -> AsyncIterator[Tenant]:
    async with seed(cluster, yaml.safe_load(EXAMPLE.read_text())) as tenant:
        await tenant.apply()
        await tenant.ready()
        yield tenant
