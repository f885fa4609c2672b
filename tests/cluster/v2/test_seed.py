"""The seed's claim, from `kubectl apply` to executors at work."""

import pytest

from tests.cluster.tenants import DEPLOYMENT, JOB, ask, ids, reasons, says, tenant, until
from tools.cluster.kube import Kind, Refused, condition, is_true

pytestmark = pytest.mark.anyio

POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy")
SERVICE = Kind("v1", "Service")


async def test_the_claim_is_ready_with_a_real_executor_behind_it(agent):
    await agent.ready()
    claim = await agent.until(lambda claim: claim["status"]["waitingFor"] == [])
    [pod] = await agent.serving()
    assert (await ask(pod, "/ready")).status_code == 200
    assert claim["status"]["endpoint"] == "http://agent-executor.intelligence-deepagents.svc:8080"
    told = reasons(claim)
    assert told["Deployed"] == ("True", "Available")
    assert told["StreamsReady"] == ("True", "Completed")
    assert told["SecretsReady"] == ("True", "Available")


async def test_a_message_on_nats_ends_as_a_result_event(agent):
    [job] = ids("job", 1)
    await agent.send(job)
    [completed] = await agent.world.ended(job)
    assert (completed.word, completed.event["source"]) == ("completed", "agent-executor")
    assert await agent.world.words(job) == ["started", "completed"]


async def test_what_a_hand_changed_is_changed_back(agent):
    before = await agent.get(DEPLOYMENT)
    change = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
    await agent.cluster.kube.patch(DEPLOYMENT, agent.name, change, agent.namespace)
    strategy = before["spec"]["strategy"]
    await agent.find(DEPLOYMENT, lambda deployment: deployment["spec"]["strategy"] == strategy)


async def test_what_a_hand_deleted_comes_back(agent):
    before = await agent.get(SERVICE)
    await agent.cluster.kube.delete(SERVICE, agent.name, agent.namespace)

    def is_another(service):
        return service and service["metadata"]["uid"] != before["metadata"]["uid"]

    await agent.find(SERVICE, is_another)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": "huge"}, "spec.size"),
        ({"replicas": 3}, "spec.replicas"),
        ({"natsUrl": "nats://user:secret@nats.nats.svc:4222"}, "spec.natsUrl"),
        ({"natsUrl": "nats://broker.example.com:4222"}, "spec.scaling.monitoringEndpoint is required"),
    ],
)
async def test_a_claim_with_a_mistake_is_refused_when_it_is_applied(cluster, change, field):
    async with tenant(cluster) as mine:
        with pytest.raises(Refused) as caught:
            await mine.apply(**change)
        assert field in str(caught.value)


async def test_a_claim_that_only_the_function_sees_through_says_so_itself_and_in_its_events(cluster):
    resources = {"requests": {"memory": "8Gi"}}
    async with tenant(cluster, size="micro", pod={"resources": resources}) as mine:
        await mine.apply()
        claim = await mine.until(says("Deployed", "False", "InvalidClaim"))
        assert "spec.pod.resources.requests.memory" in condition(claim, "Deployed")["message"]
        assert condition(claim, "Synced")["status"] == "False"
        await until("an event names the field", lambda: _told(mine, "spec.pod.resources.requests.memory"))


async def _told(mine, words):
    return any(words in event["message"] for event in await mine.told())


async def test_a_secret_that_is_missing_is_named_and_the_claim_goes_on_when_it_comes(cluster):
    async with tenant(cluster, llmKeysSecret="later") as mine:
        await cluster.kube.delete(Kind("v1", "Secret"), "later", mine.namespace)
        await mine.apply()
        claim = await mine.until(says("SecretsReady", "False", "SecretMissing"))
        assert claim["status"]["waitingFor"][0] == "Secret/later"
        assert not await mine.every(JOB)
        metadata = {"name": "later", "namespace": mine.namespace}
        values = {"OPENAI_API_KEY": "scripted"}
        await cluster.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
        await mine.ready()


async def test_while_the_function_is_away_the_executor_works_on_and_a_change_waits(agent):
    function = agent.cluster.function
    await function.stop()
    try:
        await agent.apply(network={"ingressNamespaces": ["monitoring", "gateway"]})
        [job] = ids("alone", 1)
        await agent.send(job)
        await agent.world.ended(job)
        assert is_true("Ready")(await agent.seen())
    finally:
        await function.start()
    await agent.find(POLICY, lambda policy: "gateway" in str(policy))
    await agent.apply()
    await agent.find(POLICY, lambda policy: "gateway" not in str(policy))


async def test_a_reloaded_function_is_asked_like_the_one_before(agent):
    await agent.cluster.reload()
    await agent.cluster.kube.delete(POLICY, agent.name, agent.namespace)
    await agent.find(POLICY, lambda policy: policy is not None)
    await agent.ready()
