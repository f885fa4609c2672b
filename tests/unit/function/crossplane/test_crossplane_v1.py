"""Objects of provider-kubernetes: what is asked for in them, and what is made of what they show."""

import re
from typing import Any

import pytest
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict

from function.claim import names
from function.claim.xr import parse
from function.composition.manifest import Manifest
from function.composition.observed import Observed
from function.crossplane.request import read_cluster
from function.crossplane.targets import ASKED, Objects
from function.crossplane.worlds import World
from function.fn import run
from tests.unit.function.simulation import SimulatedCluster
from tools.crossplanes import CROSSPLANES, ROOT

MANIFEST: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "support", "labels": {"a": "b"}},
    "spec": {},
}
ANNOTATIONS = {ASKED: names.digest(MANIFEST)}
SIGNED = {**MANIFEST, "metadata": {"name": "support", "labels": {"a": "b"}, "annotations": ANNOTATIONS}}
WORLD = World("support", "team-a", Objects("support-x7k2p"), legacy=True, extra=True)
SPEC = {"image": "app"}


def test_an_object_holds_the_manifest_and_is_unready_as_long_as_we_wait_for_it() -> None:
    assert Objects("support-x7k2p").place("service", MANIFEST, ready=False) == {
        "apiVersion": "kubernetes.crossplane.io/v1alpha2",
        "kind": "Object",
        "metadata": {"name": "support-x7k2p-service", "labels": {"a": "b"}},
        "spec": {"readiness": {"policy": "DeriveFromObject"}, "forProvider": {"manifest": SIGNED}},
    }


def test_a_job_takes_its_pods_with_it_which_kubernetes_would_keep() -> None:
    """The provider deletes without a word about what a Job made; every other kind's pods go by themselves."""
    job = {**MANIFEST, "apiVersion": "batch/v1", "kind": "Job"}
    placed = Objects("support-x7k2p").place("streams", job, ready=True)["spec"]["forProvider"]["manifest"]
    assert placed["metadata"]["finalizers"] == ["foregroundDeletion"]


def test_a_provider_that_can_watch_is_told_to_and_the_one_of_the_platform_is_named() -> None:
    assert Objects("support-x7k2p", "team", watch=True).place("service", MANIFEST, ready=True)["spec"] == {
        "readiness": {"policy": "SuccessfulCreate"},
        "watch": True,
        "providerConfigRef": {"name": "team"},
        "forProvider": {"manifest": SIGNED},
    }


def test_the_name_of_an_object_leaves_the_provider_room_for_its_own() -> None:
    """It applies as provider-kubernetes/<name>, and Kubernetes takes 128 characters."""
    longest = Objects("a" * 63).place("streams-66cf7e72", MANIFEST, ready=True)["metadata"]["name"]
    assert len(f"provider-kubernetes/{longest}") <= 128


OLD = {"metadata": {"name": "support", "generation": 4, "annotations": {ASKED: "old"}}, "status": {"replicas": 1}}
NEW = {"metadata": {"name": "support", "annotations": {ASKED: "new"}}}
SEEN = Observed("support", 4, status={"replicas": 1})
UNSYNCED = [{"type": "Synced", "status": "False", "reason": "ReconcileError", "message": "forbidden"}]


@pytest.mark.parametrize(
    ("asked", "status", "observed"),
    [
        (NEW, {}, Observed("support", 1, there=False)),
        (NEW, {"conditions": UNSYNCED}, Observed("support", 1, there=False, refusal="forbidden")),
        (
            NEW,
            {"conditions": [{"type": "Synced", "status": "False", "reason": "ReconcilePaused"}]},
            Observed("support", 1, there=False, refusal="ReconcilePaused"),
        ),
        (OLD, {"atProvider": {"manifest": OLD}}, Observed("support", 4, status={"replicas": 1})),
        (
            OLD,
            {"atProvider": {"manifest": OLD}, "conditions": UNSYNCED},
            Observed("support", 4, status={"replicas": 1}),
        ),
        (NEW, {"atProvider": {"manifest": OLD}}, Observed("support", 5, status={"replicas": 1})),
        (
            NEW,
            {"atProvider": {"manifest": OLD}, "conditions": UNSYNCED},
            Observed("support", 5, status={"replicas": 1}, refusal="forbidden"),
        ),
    ],
)
def test_an_object_shows_a_resource_and_what_was_not_applied_yet_is_a_generation_ahead_of_it(
    asked: dict[str, Any], status: dict[str, Any], observed: Observed
) -> None:
    request = fnv1.RunFunctionRequest()
    spec = {"forProvider": {"manifest": asked}}
    request.observed.resources["object-deployment"].resource.update({"spec": spec, "status": status})
    request.observed.resources["theirs"].resource.update({"kind": "ConfigMap"})
    assert read_cluster(request, WORLD, None).resources == {"deployment": observed}


@pytest.mark.parametrize("version", ["1.16", "1.20", "2.3, Objects", "2.3"])
def test_what_cannot_be_applied_is_said_by_whatever_waits_for_it(version: str) -> None:
    cluster = SimulatedCluster(SPEC, CROSSPLANES[version], refusals={"ServiceAccount": "no ProviderConfig default"})
    answer = cluster.settle()
    said = "The ServiceAccount support cannot be applied: no ProviderConfig default"
    for kind in ("StreamsReady", "Deployed", "Scaling"):
        (condition,) = (each for each in answer.conditions if each.type == kind)
        refused = (condition.reason, condition.message) == ("NotApplied", said)
        assert refused is cluster.crossplane.wraps
    cluster.refusals.clear()
    assert cluster.is_ready(cluster.settle())


def test_a_claim_that_waits_keeps_a_resource_unready_where_crossplane_reads_nothing_else() -> None:
    cluster = SimulatedCluster(SPEC, CROSSPLANES["2.3, Objects"])
    del cluster.secrets["support-postgres"]
    answer = cluster.settle()
    assert {key: it.ready for key, it in answer.desired.resources.items()} == {
        "object-service-account": fnv1.READY_TRUE,
        "object-network-policy": fnv1.READY_FALSE,
    }


@pytest.mark.parametrize("version", ["1.16, old provider", "1.16"])
def test_the_field_watch_is_used_once_an_object_is_seen_to_have_it(version: str) -> None:
    cluster = SimulatedCluster(SPEC, CROSSPLANES[version])
    cluster.settle()
    watched = {wrapped["spec"].get("watch") for wrapped in cluster.wrapped.values()}
    assert watched == {True if cluster.crossplane.watches else None}


def test_objects_that_let_go_are_replaced_by_what_they_held_and_others_are_not() -> None:
    cluster = SimulatedCluster(SPEC, CROSSPLANES["2.3, Objects"])
    cluster.settle()
    request = handed_over(cluster)
    (refused,) = run(request).results
    assert refused.message.startswith("input.compose: must stay Objects until spec.deletionPolicy is Orphan in each of")
    for wrapped in cluster.wrapped.values():
        wrapped["spec"]["deletionPolicy"] = "Orphan"
    answer = run(handed_over(cluster))
    assert [result for result in answer.results if result.severity == fnv1.SEVERITY_FATAL] == []
    assert {MessageToDict(it.resource)["kind"] for it in answer.desired.resources.values()} == {
        "ServiceAccount",
        "NetworkPolicy",
    }


def test_what_is_composed_directly_is_not_replaced_by_objects() -> None:
    cluster = SimulatedCluster(SPEC, CROSSPLANES["2.3, claim"])
    cluster.settle()
    request = cluster.request({})
    request.input.update(CROSSPLANES["2.3, Objects"].package.options or {})
    (refused,) = run(request).results
    assert refused.message.startswith("input.compose: must stay Native, Objects would be made after the deletion of")


def test_a_composite_that_no_claim_has_made_is_refused_in_words_that_say_what_to_make() -> None:
    request = SimulatedCluster(SPEC, CROSSPLANES["1.20"]).request({})
    request.observed.composite.resource.update({"spec": SPEC})
    (refused,) = run(request).results
    assert (refused.severity, refused.reason) == (fnv1.SEVERITY_FATAL, "InvalidClaim")
    assert refused.message == "metadata.namespace: is required: make an AgentExecutor in a namespace"


def test_the_name_of_the_claim_is_the_name_of_what_is_composed() -> None:
    wrapped, native = (SimulatedCluster(SPEC, CROSSPLANES[version]) for version in ("1.16", "2.3"))
    wrapped.settle()
    native.settle()
    assert {found["metadata"]["name"] for found in wrapped.objects.values()} == {
        found["metadata"]["name"] for found in native.objects.values()
    }


def test_the_claims_that_the_page_shows_are_claims_of_the_old_kind_and_of_ours() -> None:
    page = (ROOT / "docs/crossplane-v1.md").read_text(encoding="utf-8")
    old, new = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    agent = parse(new["metadata"]["name"], new["metadata"]["namespace"], new["spec"])
    assert (old["kind"], new["kind"]) == ("EventDrivenService", "AgentExecutor")
    assert (agent.spec.image, agent.spec.nats_url) == (old["spec"]["image"], old["spec"]["nats"]["url"])
    assert {each["name"] for each in old["spec"]["imagePullSecrets"]} == {*agent.spec.image_pull_secrets}
    assert {old["spec"][f"secret{number}Name"] for number in (1, 2, 3)} == {
        agent.postgres_secret,
        agent.dragonfly_secret,
        agent.llm_keys_secret,
    }


def handed_over(cluster: SimulatedCluster) -> fnv1.RunFunctionRequest:
    """A claim with Objects, whose Composition says Native now."""
    request = cluster.request({})
    request.input.update(CROSSPLANES["2.3, claim"].package.options or {})
    return request
