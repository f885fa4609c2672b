"""What the manifests promise beyond what the golden files show."""

from collections.abc import Callable
from typing import Any

import pytest

import contract
from contract import Env
from function.claim.xr import Agent
from function.composition.compose import STEPS
from function.composition.resources import deployment, scaled_object, service, streams_job
from function.composition.steps import Step

BUILDERS = tuple(step.build for step in STEPS if isinstance(step, Step))
STORE = {"name": "store", "prefix": "/team"}
NATS = {Env.NATS_URL, Env.NATS_STREAM_NAME, Env.NATS_CONSUMER_GROUP, Env.EXECUTOR_SUBJECT_PREFIX}

KEPT = {
    Env.EXECUTOR_STREAM_REPLICAS,
    Env.EXECUTOR_JOBS_MAX_AGE_SECONDS,
    Env.EXECUTOR_RESULTS_MAX_AGE_SECONDS,
    Env.EXECUTOR_DEAD_LETTERS_MAX_AGE_SECONDS,
}


@pytest.mark.parametrize(
    ("size", "cpu", "memory"),
    [
        ("micro", ("100m", "500m"), ("256Mi", "1Gi")),
        ("small", ("250m", "1000m"), ("512Mi", "2Gi")),
        ("medium", ("500m", "2000m"), ("1Gi", "4Gi")),
        ("large", ("1000m", "4000m"), ("2Gi", "8Gi")),
    ],
)
def test_a_size_is_what_the_contract_says(
    claim: Callable[..., Agent], size: str, cpu: tuple[str, str], memory: tuple[str, str]
) -> None:
    (serve,) = pod(deployment.build(claim(size=size)))["containers"]
    assert serve["resources"] == {
        "requests": {"cpu": cpu[0], "memory": memory[0]},
        "limits": {"cpu": cpu[1], "memory": memory[1]},
    }


def test_each_container_gets_the_variables_that_it_reads_and_no_others(agent: Agent) -> None:
    main, job = pod(deployment.build(agent)), pod(streams_job.build(agent))
    assert variables(job["containers"][0]) == NATS | KEPT
    assert variables(main["initContainers"][0]) == {*contract.REQUIRED_POSTGRES}
    assert variables(main["containers"][0]) == {
        *NATS,
        *contract.REQUIRED_POSTGRES,
        *contract.REQUIRED_DRAGONFLY,
        *contract.LLM_KEYS,
        *(Env.DRAGONFLY_USER, Env.DRAGONFLY_PASSWORD, Env.PORT),
        *(Env.EXECUTOR_NAME, Env.EXECUTOR_CONCURRENCY, Env.EXECUTOR_DRAIN_SECONDS),
    }


def test_only_the_model_keys_and_who_enters_dragonfly_may_be_missing(agent: Agent) -> None:
    (serve,) = pod(deployment.build(agent))["containers"]
    references = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in serve["env"] if "valueFrom" in entry}
    optional = {name for name, reference in references.items() if reference.get("optional")}
    assert optional == {*contract.LLM_KEYS, Env.DRAGONFLY_USER, Env.DRAGONFLY_PASSWORD}


def test_the_service_selects_the_pods_of_the_deployment_and_not_those_of_the_job(agent: Agent) -> None:
    wanted = service.build(agent)["spec"]["selector"].items()
    assert wanted <= deployment.build(agent)["spec"]["template"]["metadata"]["labels"].items()
    assert not wanted <= streams_job.build(agent)["spec"]["template"]["metadata"]["labels"].items()


def test_a_pod_outlives_its_drain(claim: Callable[..., Agent]) -> None:
    built = pod(deployment.build(claim(drain={"seconds": 100})))
    assert built["terminationGracePeriodSeconds"] > 100


@pytest.mark.parametrize(
    "change",
    [
        {"image": "other"},
        {"natsUrl": "tls://nats.nats.svc"},
        {"natsStreamName": "X"},
        {"imagePullSecrets": ["x"]},
        {"streams": {"replicas": 3}},
        {"streams": {"deadLettersMaxAgeHours": 1}},
        {"nats": {"credentialsSecret": "n"}},
        {"nats": {"caSecret": "n"}},
    ],
)
def test_whatever_changes_the_job_changes_its_name_and_its_key(
    agent: Agent, claim: Callable[..., Agent], change: dict[str, Any]
) -> None:
    other = claim(**change)
    before, after = streams_job.build(agent), streams_job.build(other)
    assert streams_job.key(before) != streams_job.key(after)
    assert before["metadata"]["name"] != after["metadata"]["name"]


def test_what_does_not_concern_the_job_leaves_it_alone(agent: Agent, claim: Callable[..., Agent]) -> None:
    changed = {"size": "large", "scaling": {"maxReplicas": 3}, "pod": {"env": [{"name": "A", "value": "b"}]}}
    assert streams_job.build(agent) == streams_job.build(claim(**changed))


def test_a_pull_secret_named_twice_is_used_once(claim: Callable[..., Agent]) -> None:
    built = pod(deployment.build(claim(imagePullSecrets=["a", "b", "a"])))
    assert built["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize("name", ["support", "a" * 63, "7.up", "x" * 253])
def test_every_object_of_any_claim_has_a_legal_name(claim: Callable[..., Agent], name: str) -> None:
    agent = claim(name, imagePullSecrets=["pull"], secretStore=STORE)
    built = [build(agent) for build in BUILDERS]
    assert all(len(manifest["metadata"]["name"]) <= 63 for manifest in built)
    assert all(len(label) <= 63 for manifest in built for label in manifest["metadata"]["labels"].values())
    assert len({(manifest["kind"], manifest["metadata"]["name"]) for manifest in built}) == len(built)


@pytest.mark.parametrize(
    ("pod_says", "expected"),
    [
        ({"requests": {"memory": "3Gi"}}, {"requests": ("500m", "3Gi"), "limits": ("2000m", "4Gi")}),
        ({"limits": {"cpu": "4", "memory": "8Gi"}}, {"requests": ("500m", "1Gi"), "limits": ("4", "8Gi")}),
    ],
)
def test_what_the_claim_says_of_resources_comes_before_its_size(
    claim: Callable[..., Agent], pod_says: dict[str, Any], expected: dict[str, tuple[str, str]]
) -> None:
    (serve,) = pod(deployment.build(claim(pod={"resources": pod_says})))["containers"]
    assert {name: (it["cpu"], it["memory"]) for name, it in serve["resources"].items()} == expected


def test_a_claims_own_labels_and_annotations_are_the_pods_and_never_the_selectors(claim: Callable[..., Agent]) -> None:
    built = deployment.build(claim(pod={"labels": {"team": "a"}, "annotations": {"b": "c"}}))
    template = built["spec"]["template"]["metadata"]
    assert (template["labels"]["team"], template["annotations"]) == ("a", {"b": "c"})
    assert "team" not in built["spec"]["selector"]["matchLabels"]


def test_in_mode_drain_the_scaler_never_takes_a_single_pod(claim: Callable[..., Agent]) -> None:
    built = scaled_object.build(claim(scaling={"mode": "drain", "minReplicas": 0, "cooldownSeconds": 60}))["spec"]
    behaviour = built["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behaviour == {"scaleDown": {"selectPolicy": "Disabled"}}
    assert (built["minReplicaCount"], built["cooldownPeriod"], built["fallback"]["replicas"]) == (0, 60, 1)


@pytest.mark.parametrize(("drain", "period"), [(30, 90), (3600, 1800)])
def test_in_mode_gradual_the_next_pod_goes_when_the_last_one_had_its_time(
    claim: Callable[..., Agent], drain: int, period: int
) -> None:
    built = scaled_object.build(claim(drain={"seconds": drain}))["spec"]
    down = built["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": period}]


@pytest.mark.parametrize(
    ("scaling", "concurrency"),
    [({}, "5"), ({"lagThreshold": 20}, "20"), ({"lagThreshold": 9999}, "1000"), ({"concurrency": 2}, "2")],
)
def test_a_pod_takes_as_many_jobs_as_scaling_aims_at_unless_told_otherwise(
    claim: Callable[..., Agent], scaling: dict[str, int], concurrency: str
) -> None:
    (serve,) = pod(deployment.build(claim(scaling=scaling)))["containers"]
    assert {"name": "EXECUTOR_CONCURRENCY", "value": concurrency} in serve["env"]


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def variables(container: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in container["env"]} - {"TMPDIR"}
