"""A claim that changes: another image, other streams, its end."""

import pytest

from tests.cluster.tenants import DEPLOYMENT, JOB, POD, ids, tenant, until, until_none_runs
from tools.cluster.kube import Kind, gone
from tools.cluster.platform import CLAIM

pytestmark = pytest.mark.anyio

NEXT = "registry.example/team/agent-executor:v2"
# What Kubernetes itself leaves in a namespace, and what the tenant had before its claim.
THERE_BEFORE = {"kube-root-ca.crt", "default"}
COMPOSED = (
    *(DEPLOYMENT, JOB, POD, Kind("apps/v1", "ReplicaSet"), Kind("v1", "Service"), Kind("v1", "ServiceAccount")),
    *(Kind("networking.k8s.io/v1", "NetworkPolicy"), Kind("policy/v1", "PodDisruptionBudget")),
)


async def test_a_new_image_rolls_out_under_jobs_in_flight_and_loses_none(cluster):
    async with tenant(cluster, drain={"seconds": 2}) as mine:
        await mine.apply()
        await mine.ready()
        [old] = await mine.serving()
        jobs = list(ids("rolled", 8))
        await mine.send(*jobs, delay=0.25, words=24)
        await until("jobs are at work", lambda: _running(mine), limit=20)
        await mine.apply(image=NEXT)

        async def only_the_new_one_serves():
            pods = await mine.every(POD)
            return {pod["spec"]["containers"][0]["image"] for pod in pods if _serves(pod)} == {NEXT}

        await until("only the new image serves", only_the_new_one_serves)
        ended = await mine.world.ended(*jobs, limit=90)
        assert {fact.word for fact in ended} == {"completed"}
        assert old["metadata"]["name"] not in {pod["metadata"]["name"] for pod in await mine.every(POD)}
        assert (await mine.ready())["status"]["image"] == NEXT


def _serves(pod):
    return pod["spec"]["restartPolicy"] == "Always"


async def _is_gone(mine, job):
    return not any(pod["metadata"]["name"].startswith(job["metadata"]["name"]) for pod in await mine.every(POD))


async def _running(mine):
    return await mine.world.rows("SELECT 1 AS one FROM jobs WHERE lease_until > now()")


async def test_the_streams_job_runs_again_when_its_settings_change(cluster):
    async with tenant(cluster) as mine:
        await mine.apply()
        await mine.ready()
        [first] = await mine.every(JOB)
        streams = mine.claim["spec"]["streams"] | {"resultsMaxAgeHours": 48}
        await mine.apply(streams=streams)
        jetstream = mine.world.client.jetstream()

        async def kept_longer():
            info = await jetstream.stream_info(mine.world.names.status_stream)
            return info.config.max_age == 48 * 3600

        await until("results are kept for two days", kept_longer)
        await mine.find(JOB, gone, name=first["metadata"]["name"])
        [second] = await mine.every(JOB)
        assert second["metadata"]["name"] != first["metadata"]["name"]
        await until("the first Job's pod is gone", lambda: _is_gone(mine, first))
        await mine.ready()


async def test_a_deleted_claim_leaves_nothing_in_the_namespace_but_its_streams_on_the_broker(cluster):
    async with tenant(cluster) as mine:
        await mine.apply()
        await mine.ready()
        [job] = ids("kept", 1)
        await mine.send(job)
        await mine.world.ended(job)
        await cluster.kube.delete(CLAIM, mine.name, mine.namespace)
        await mine.find(CLAIM, gone)
        await until_none_runs(mine)

        async def nothing_left():
            names = {it["metadata"]["name"] for kind in COMPOSED for it in await mine.every(kind)}
            return names <= THERE_BEFORE

        await until("nothing that was composed is left", nothing_left)
        assert await mine.world.words(job) == ["started", "completed"]
        jobs = await mine.world.client.jetstream().stream_info(mine.world.names.stream)
        assert jobs.state.messages == 1
