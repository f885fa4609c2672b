"""Operators and roles that are missing, and come."""

import pytest

from tests.cluster.tenants import DEPLOYMENT, ids, says, tenant, until
from tools import toolchain
from tools.cluster.crossplane import CRD, apply_crds
from tools.cluster.kube import Kind, gone, is_true, together

pytestmark = pytest.mark.anyio

SCALED_OBJECT = Kind("keda.sh/v1alpha1", "ScaledObject")
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor")


MONITORING = tuple(f"{kind}.monitoring.coreos.com" for kind in ("podmonitors", "prometheusrules"))


async def test_operators_that_are_missing_stop_nothing_and_are_used_once_they_come(cluster):
    await cluster.keda.remove()
    for name in MONITORING:
        await cluster.kube.delete(CRD, name)
        await cluster.kube.until(CRD, name, gone)
    async with tenant(cluster) as mine:
        await mine.apply()
        claim = await mine.ready()
        assert says("Scaling", "False", "KedaNotInstalled")(claim)
        await mine.find(DEPLOYMENT, lambda deployment: deployment["spec"]["replicas"] == 1)
        assert await mine.get(POD_MONITOR) is None
        await together(cluster.keda.install(), apply_crds(cluster.kube, toolchain.crds("prometheus-operator")))
        await mine.find(POD_MONITOR, lambda monitor: monitor is not None)
        await mine.find(SCALED_OBJECT, is_true("Ready"))
        await mine.until(says("Scaling", "True", "ScaledObjectReady"))
        await mine.ready()


async def test_forty_slow_jobs_bring_more_replicas_which_go_again_and_lose_none(cluster):
    await cluster.keda.install()
    scaling = {
        "minReplicas": 0,
        "maxReplicas": 3,
        "mode": "drain",
        "lagThreshold": 5,
        "pollingSeconds": 2,
        "cooldownSeconds": 4,
    }
    async with tenant(cluster, scaling=scaling) as mine:
        await mine.apply()
        await mine.ready()
        await mine.find(DEPLOYMENT, lambda deployment: deployment["spec"]["replicas"] == 0)
        jobs = list(ids("slow", 40))
        await mine.send(*jobs, delay=0.25, words=20)
        await mine.find(DEPLOYMENT, lambda deployment: deployment["spec"]["replicas"] == 3)
        await until("three replicas serve", lambda: _serving(mine, 3))
        ended = await mine.world.ended(*jobs, limit=90)
        assert {fact.word for fact in ended} == {"completed"}
        await mine.find(DEPLOYMENT, lambda deployment: deployment["spec"]["replicas"] == 0)
        await mine.ready()


async def _serving(mine, count):
    return len(await mine.serving()) == count
