"""A claim whose agents and callers' keys are in ConfigMaps: what the API server takes, and what the tenant is told."""

from typing import Any

import pytest

from tests.cluster.tenants import DEPLOYMENT, says, tenant
from tools.cluster.kube import Refused

pytestmark = pytest.mark.anyio

ISSUER = {"issuer": "https://kubernetes.default.svc.cluster.local", "audience": "agent-executor"}
KEYS = {"name": "cluster-keys", "key": "jwks.json"}


async def test_its_config_maps_are_volumes_of_the_pods_and_it_is_told_that_it_may_sleep(cluster):
    asked = {"agents": {"configMaps": ["prompts"]}, "auth": {"issuers": [{**ISSUER, "jwksConfigMap": KEYS}]}}
    async with tenant(cluster, **asked, scaling={"minReplicas": 0}) as mine:
        await mine.apply()
        await mine.until(says("Reachable", "False", "SleepsAtZero"))
        deployment = await mine.find(DEPLOYMENT, lambda found: found is not None)
        assert deployment
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        assert [it["configMap"]["name"] for it in volumes if "configMap" in it] == ["prompts", "cluster-keys"]
        await mine.apply(scaling={"minReplicas": 1})
        await mine.until(says("Reachable", "True", "NeverSleeps"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"agents": {"configMaps": ["a", "a"]}}, "configMaps: duplicate entries"),
        ({"auth": {"issuers": [ISSUER]}}, "exactly one of jwksUrl and jwksConfigMap is required"),
        ({"auth": {"issuers": [{**ISSUER, "jwksConfigMap": KEYS, "roles": {}}]}}, "rolesClaim is required"),
        ({"auth": {"issuers": [{**ISSUER, "jwksConfigMap": {**KEYS, "key": ".."}}]}}, "jwksConfigMap.key"),
    ],
)
async def test_the_api_server_refuses_what_the_function_would(cluster, asked: dict[str, Any], words: str):
    async with tenant(cluster, **asked) as mine:
        with pytest.raises(Refused) as caught:
            await mine.apply()
        assert words in str(caught.value)
