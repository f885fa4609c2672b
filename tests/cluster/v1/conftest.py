"""Crossplane v1 with provider-kubernetes; CLUSTER_VERSION says which, 1.20 or 1.16."""

import os
import sys
from collections.abc import AsyncIterator

import pytest

from tools.cluster import parts
from tools.cluster.cluster import Cluster
from tools.cluster.cluster import cluster as start


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    version = parts.VERSIONS[os.environ.get("CLUSTER_VERSION", "1.20")]
    async with start(
        tmp_path_factory.mktemp("cluster"), lambda line: sys.stderr.write(f"{line}\n"), version
    ) as running:
        yield running
