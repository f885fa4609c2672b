"""What Crossplane may do: all that a claim is made of, and how a platform team finds out that it may not."""

import pytest
import yaml

from tests.cluster.tenants import tenant, until
from tools.cluster import platform
from tools.cluster.chart import NAMESPACE
from tools.cluster.crossplane import CORE
from tools.cluster.kube import Kind, condition, is_true

pytestmark = pytest.mark.anyio

ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole")
BUDGET = Kind("policy/v1", "PodDisruptionBudget")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


async def test_crossplane_may_manage_everything_that_the_claim_is_made_of(agent):
    claim = await agent.ready()
    kinds = {Kind(it["apiVersion"], it["kind"]) for it in claim["spec"]["crossplane"]["resourceRefs"]}
    assert len(kinds) >= 6
    assert [(kind, verb) for kind in kinds for verb in VERBS if not await _may(agent, kind, verb)] == []


async def _may(agent, kind, verb):
    return await agent.cluster.kube.allows(f"system:serviceaccount:{NAMESPACE}:{CORE}", kind, verb)


async def test_a_role_that_is_missing_is_named_by_the_claim_and_heals_when_it_comes(cluster, agent):
    """Where Crossplane watches the kind already; a core that never did says nothing for two minutes."""
    await agent.ready()
    [role] = yaml.safe_load_all(platform.RBAC.read_text())
    budgets = [rule for rule in role["rules"] if "poddisruptionbudgets" in rule["resources"]]
    others = [rule for rule in role["rules"] if rule not in budgets]
    await cluster.kube.apply({**role, "rules": others})
    try:
        async with tenant(cluster) as mine:
            await until("the role is gone", lambda: _forbidden(cluster))
            await mine.apply()
            claim = await mine.until(_is_told)
            assert "poddisruptionbudgets" in condition(claim, "Synced")["message"]
            await cluster.kube.apply(role)
            await mine.ready()
            await mine.find(BUDGET, lambda budget: budget is not None)
    finally:
        await cluster.kube.apply(role)


async def _forbidden(cluster):
    return not await cluster.kube.allows(f"system:serviceaccount:{NAMESPACE}:{CORE}", BUDGET, "create")


def _is_told(claim):
    return condition(claim, "Synced")["status"] == "False" and not is_true("Ready")(claim)
