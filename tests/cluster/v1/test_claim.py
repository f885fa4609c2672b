"""The seed's claim on Crossplane v1: the same YAML, everything in Objects of provider-kubernetes."""

import pytest

from tests.cluster.tenants import ask, ids, tenant, until_none_runs
from tools.cluster.kube import gone
from tools.cluster.platform import CLAIM

pytestmark = pytest.mark.anyio


async def test_the_claim_is_ready_and_a_job_ends_as_a_result_event(cluster):
    async with tenant(cluster) as mine:
        await mine.apply()
        await mine.ready(limit=240)  # it is asked for one step after the other, by the clock
        [pod] = await mine.serving()
        assert (await ask(pod, "/ready")).status_code == 200
        [job] = ids("job", 1)
        await mine.send(job)
        [completed] = await mine.world.ended(job)
        assert completed.word == "completed"
        await cluster.kube.delete(CLAIM, mine.name, mine.namespace)
        await mine.find(CLAIM, gone, limit=90)
        await until_none_runs(mine)
