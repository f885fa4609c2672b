"""From any state that can be reached a claim ends Ready, loses nothing on the way and does not say one thing twice."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from hypothesis import given, settings
from hypothesis import strategies as st

from function.composition import operators
from function.crossplane.targets import ASKED
from tests.unit.function.simulation import CANARY, SimulatedCluster, serialized
from tools.crossplanes import CROSSPLANES, Crossplane

CONDITIONS = ("SecretsReady", "StreamsReady", "Deployed", "Scaling")
STORE = {"name": "store", "prefix": "/team/support"}
SPECS: dict[str, dict[str, Any]] = {
    "minimal": {"image": "app"},
    "store": {"image": "registry.example/app", "imagePullSecrets": ["pull"], "secretStore": STORE},
    "sleeps": {"image": "app", "scaling": {"mode": "drain", "minReplicas": 0}},
    "streams elsewhere": {"image": "app", "streams": {"provisioning": "None"}},
    "authorities": {
        "image": "app",
        "nats": {"credentialsSecret": "n", "caSecret": "ca"},
        "postgres": {"caSecret": "ca"},
    },
    "named agents": {"image": "app", "scaling": {"minReplicas": 0}, "agents": {"configMaps": ["prompts"]}},
    "unmonitored": {"image": "app", "monitoring": {"podMonitor": False}},
}
WRAPPED_OR_NOT = {version: CROSSPLANES[version] for version in ("1.16", "2.3")}
# Unknown is what nobody shows: streams that others make, and on Crossplane 1.x the Secrets.
ENDS = (["True"], ["False", "True"], ["Unknown"], ["False", "Unknown"])
# What a cluster may do between two calls; none of it is a fault.
Deed = Callable[[SimulatedCluster], object]
DEEDS: dict[str, Deed] = {
    "call": SimulatedCluster.reconcile,
    "Job": lambda cluster: cluster.tick("Job"),
    "Deployment": lambda cluster: cluster.tick("Deployment"),
    "ExternalSecret": lambda cluster: cluster.tick("ExternalSecret"),
    "ScaledObject": lambda cluster: cluster.tick("ScaledObject"),
    "provider": SimulatedCluster.provide,
    "scale out": lambda cluster: cluster.scale(5),
    "scale in": lambda cluster: cluster.scale(1),
}


@pytest.mark.parametrize(("spec", "version"), [*itertools.product(SPECS, ("1.16", "2.3"))])
def test_a_claim_settles_ready(spec: str, version: str) -> None:
    cluster = SimulatedCluster(SPECS[spec], CROSSPLANES[version])
    assert cluster.is_ready(cluster.settle())
    assert cluster.withdrawn == []


@pytest.mark.parametrize("crossplane", CROSSPLANES.values(), ids=CROSSPLANES)
def test_every_crossplane_ends_with_the_same_in_the_cluster(crossplane: Crossplane) -> None:
    expected, cluster = SimulatedCluster(SPECS["store"]), SimulatedCluster(SPECS["store"], crossplane)
    expected.settle()
    assert cluster.is_ready(cluster.settle())
    assert cluster.withdrawn == []
    assert {key: unsigned(found) for key, found in cluster.objects.items()} == expected.objects


@settings(max_examples=30, deadline=None)
@given(
    crossplane=st.sampled_from([*CROSSPLANES.values()]),
    spec=st.sampled_from([*SPECS.values()]),
    deeds=st.lists(st.sampled_from([*DEEDS]), max_size=40),
)
def test_whatever_comes_first_it_ends_ready_and_nothing_is_withdrawn_or_said_to_be_lost(
    crossplane: Crossplane, spec: dict[str, Any], deeds: list[str]
) -> None:
    cluster = SimulatedCluster(spec, crossplane)
    for deed in deeds:
        DEEDS[deed](cluster)
    assert cluster.is_ready(cluster.settle())
    assert cluster.withdrawn == []
    for kind in (*CONDITIONS, "Ready"):
        said = cluster.conditions(kind)
        assert [status for status, _ in itertools.groupby(said)][-2:] in ENDS, kind
        assert len({*said}) == len([*itertools.groupby(said)]), f"{kind} flaps"


@settings(max_examples=10, deadline=None)
@given(
    crossplane=st.sampled_from([*CROSSPLANES.values()]),
    deeds=st.lists(st.sampled_from([*DEEDS]), max_size=20),
    spec=st.sampled_from([*SPECS.values()]),
)
def test_two_runs_give_the_same_bytes(crossplane: Crossplane, spec: dict[str, Any], deeds: list[str]) -> None:
    runs = [SimulatedCluster(spec, crossplane), SimulatedCluster(spec, crossplane)]
    for deed, cluster in itertools.product(deeds, runs):
        DEEDS[deed](cluster)
    for cluster in runs:
        cluster.settle()
    once, again = ([serialized(answer) for answer in cluster.history] for cluster in runs)
    assert once == again


@pytest.mark.parametrize("version", ["1.16", "1.20", "2.3"])
def test_each_condition_is_news_once(version: str) -> None:
    """On 1.16, too, where Crossplane keeps no conditions; there no Secret is shown, which is no news."""
    cluster = SimulatedCluster(SPECS["minimal"], CROSSPLANES[version])
    cluster.settle()
    cluster.settle()
    news = [result.message for answer in cluster.history for result in answer.results]
    assert news == [
        *(["SecretsReady is True: Available"] if version == "2.3" else []),
        "StreamsReady is False: The Job support-streams-{} failed and is tried again; its log says why".format(
            next(key for key in cluster.objects if key.startswith("streams-")).rpartition("-")[2]
        ),
        "StreamsReady is True: Completed",
        "Deployed is True: Available",
        "Scaling is True: ScaledObjectReady",
    ]


@pytest.mark.parametrize("operator", operators.ALL, ids=lambda operator: operator.name)
def test_without_an_operator_everything_else_ends_ready_and_with_it_all_of_it(operator: operators.Operator) -> None:
    cluster = SimulatedCluster(SPECS["store"])
    cluster.definitions.discard(operator.definition)
    without = cluster.settle()
    assert cluster.is_ready(without)
    cluster.definitions.add(operator.definition)
    with_it = cluster.settle()
    assert cluster.is_ready(with_it)
    assert set(without.desired.resources) < set(with_it.desired.resources)
    assert cluster.withdrawn == []


def test_a_missing_secret_is_named_until_it_is_there() -> None:
    cluster = SimulatedCluster(SPECS["minimal"])
    there = cluster.secrets
    postgres, dragonfly = there.pop("support-postgres"), there["support-dragonfly"]
    dragonfly.discard("DRAGONFLY_PORT")
    waiting = cluster.settle()
    assert not cluster.is_ready(waiting)
    assert said(waiting, "SecretsReady") == (
        "SecretMissing",
        (
            "Secret support-postgres is missing (spec.postgresConnectionSecret); "
            "Secret support-dragonfly has no DRAGONFLY_PORT (spec.dragonflyConnectionSecret)"
        ),
    )
    assert cluster.status["waitingFor"] == ["Secret/support-postgres", "Secret/support-dragonfly"]
    assert waiting.meta.ttl.seconds == 15
    there["support-postgres"] = postgres
    dragonfly.add("DRAGONFLY_PORT")
    settled = cluster.settle()
    assert cluster.is_ready(settled)
    assert settled.meta.ttl.seconds == 60


def test_a_secret_that_goes_takes_nothing_with_it() -> None:
    cluster = SimulatedCluster(SPECS["minimal"])
    cluster.settle()
    cluster.secrets.pop("support-postgres")
    answer = cluster.settle()
    assert (cluster.is_ready(answer), cluster.withdrawn) == (False, [])


def test_where_secrets_are_not_shown_nothing_waits_for_them_and_none_is_asked_for() -> None:
    checks = {"apiVersion": "agentexecutor.fn.platform.bizmatters.io/v1alpha1", "kind": "Input", "checkSecrets": False}
    cluster = SimulatedCluster(SPECS["minimal"], options=checks)
    cluster.secrets.clear()
    answer = cluster.settle()
    assert cluster.is_ready(answer)
    assert cluster.conditions("SecretsReady")[-1] == "Unknown"
    assert not [name for each in cluster.history for name in each.requirements.resources if name.startswith("Secret/")]


@pytest.mark.parametrize("crossplane", WRAPPED_OR_NOT.values(), ids=WRAPPED_OR_NOT)
def test_changed_settings_make_a_new_job_and_only_the_superseded_one_goes(crossplane: Crossplane) -> None:
    cluster = SimulatedCluster(SPECS["minimal"], crossplane)
    cluster.settle()
    (before,) = (key for key in cluster.objects if key.startswith("streams-"))
    cluster.spec = {**cluster.spec, "streams": {"replicas": 3}}
    assert cluster.is_ready(cluster.settle())
    assert cluster.withdrawn == [before]


@pytest.mark.parametrize("crossplane", WRAPPED_OR_NOT.values(), ids=WRAPPED_OR_NOT)
def test_a_new_image_is_a_rollout_and_a_number_of_replicas_is_not(crossplane: Crossplane) -> None:
    cluster = SimulatedCluster(SPECS["minimal"], crossplane)
    cluster.settle()
    cluster.history.clear()
    for replicas in (5, 9, 2):
        cluster.scale(replicas)
        cluster.reconcile()
        cluster.settle()
    assert {*cluster.conditions("Deployed")} == {"True"}
    cluster.spec = {"image": "app:v2"}
    cluster.settle()
    assert [status for status, _ in itertools.groupby(cluster.conditions("Deployed"))] == ["True", "False", "True"]


def test_a_service_that_sleeps_stays_deployed_when_it_is_woken() -> None:
    cluster = SimulatedCluster(SPECS["sleeps"])
    cluster.settle()
    cluster.history.clear()
    for replicas in (0, 1, 0, 3):
        cluster.scale(replicas)
        cluster.objects["deployment"]["status"]["availableReplicas"] = 0
        cluster.reconcile()
        cluster.settle()
    assert {*cluster.conditions("Deployed")} == {*cluster.conditions("Ready")} == {"True"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_no_value_of_a_secret_is_in_any_answer(spec: dict[str, Any]) -> None:
    cluster = SimulatedCluster(spec)
    cluster.settle()
    assert all(CANARY.encode() not in serialized(answer) for answer in cluster.history)


def said(answer: fnv1.RunFunctionResponse, kind: str) -> tuple[str, str]:
    (found,) = (each for each in answer.conditions if each.type == kind)
    return found.reason, found.message


def unsigned(found: dict[str, Any]) -> dict[str, Any]:
    """A resource without what it says of the Object that it comes from."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in {"annotations", "finalizers"}}
    annotations = {key: value for key, value in found["metadata"].get("annotations", {}).items() if key != ASKED}
    return {**found, "metadata": metadata | ({"annotations": annotations} if annotations else {})}
