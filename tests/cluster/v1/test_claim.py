"""The seed's claim on Crossplane v1: the same YAML, everything in Objects of provider-kubernetes."""

import pytest

from tests.cluster.tenants import DEPLOYMENT, POD, ask, ids, tenant, until, until_none_runs
from tools.cluster.kube import gone
from tools.cluster.platform import CLAIM

pytestmark = pytest.mark.anyio

NEXT = "registry.example/team/agent-executor:v2"


async def test_a_claim_from_ready_to_its_end(cluster):
    """Ready, a job, another image, a change by hand that is changed back, and nothing that runs when it is deleted."""
    async with tenant(cluster) as mine:
        await mine.apply()
        await mine.ready(limit=240)  # it is asked for one step after the other, by the clock
        [pod] = await mine.serving()
        assert (await ask(pod, "/ready")).status_code == 200
        [job] = ids("job", 1)
        await mine.send(job)
        [completed] = await mine.world.ended(job)
        assert completed.word == "completed"
        await mine.apply(image=NEXT)
        await until("only the new image serves", lambda: _only_the_new_image_serves(mine), limit=120)
        before = await mine.get(DEPLOYMENT)
        assert before is not None
        strategy = before["spec"]["strategy"]
        change = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
        await cluster.kube.patch(DEPLOYMENT, mine.name, change, mine.namespace)
        await mine.find(DEPLOYMENT, lambda deployment: deployment["spec"]["strategy"] == strategy)
        await cluster.kube.delete(CLAIM, mine.name, mine.namespace)
        await mine.find(CLAIM, gone, limit=90)
        await until_none_runs(mine)


async def _only_the_new_image_serves(mine):
    pods = [pod for pod in await mine.every(POD) if pod["spec"]["restartPolicy"] == "Always"]
    return {pod["spec"]["containers"][0]["image"] for pod in pods} == {NEXT}
