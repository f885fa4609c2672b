"""What the manifests promise beyond what the golden files show."""

from collections.abc import Callable
from typing import Any

import pytest

import contract
from contract import Env
from function.resources import deployment, scaled_object, service, service_account, streams_job
from function.xr import Agent

BUILDERS = (deployment.build, scaled_object.build, service.build, service_account.build, streams_job.build)
NATS = {Env.NATS_URL, Env.NATS_STREAM_NAME, Env.NATS_CONSUMER_GROUP, Env.EXECUTOR_SUBJECT_PREFIX}


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
    assert variables(job["containers"][0]) == NATS
    assert variables(main["initContainers"][0]) == {*contract.REQUIRED_POSTGRES}
    assert variables(main["containers"][0]) == {
        *NATS,
        *contract.REQUIRED_POSTGRES,
        *contract.REQUIRED_DRAGONFLY,
        *contract.LLM_KEYS,
        *(Env.DRAGONFLY_PASSWORD, Env.PORT),
        *(Env.EXECUTOR_NAME, Env.EXECUTOR_CONCURRENCY, Env.EXECUTOR_DRAIN_SECONDS),
    }


def test_only_the_model_keys_and_the_dragonfly_password_may_be_missing(agent: Agent) -> None:
    (serve,) = pod(deployment.build(agent))["containers"]
    references = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in serve["env"] if "valueFrom" in entry}
    optional = {name for name, reference in references.items() if reference.get("optional")}
    assert optional == {*contract.LLM_KEYS, Env.DRAGONFLY_PASSWORD}


def test_the_service_selects_the_pods_of_the_deployment_and_not_those_of_the_job(agent: Agent) -> None:
    wanted = service.build(agent)["spec"]["selector"].items()
    assert wanted <= deployment.build(agent)["spec"]["template"]["metadata"]["labels"].items()
    assert not wanted <= streams_job.build(agent)["spec"]["template"]["metadata"]["labels"].items()


def test_a_pod_outlives_its_drain(claim: Callable[..., Agent]) -> None:
    built = pod(deployment.build(claim(drain={"seconds": 100})))
    assert built["terminationGracePeriodSeconds"] > 100


@pytest.mark.parametrize(
    "change",
    [{"image": "other"}, {"natsUrl": "tls://nats.nats.svc"}, {"natsStreamName": "X"}, {"imagePullSecrets": ["x"]}],
)
def test_whatever_changes_the_job_changes_its_name_and_its_key(
    agent: Agent, claim: Callable[..., Agent], change: dict[str, Any]
) -> None:
    other = claim(**change)
    assert streams_job.key(agent) != streams_job.key(other)
    assert streams_job.build(agent)["metadata"]["name"] != streams_job.build(other)["metadata"]["name"]


def test_what_does_not_concern_the_job_leaves_it_alone(agent: Agent, claim: Callable[..., Agent]) -> None:
    assert streams_job.build(agent) == streams_job.build(claim(size="large", scaling={"maxReplicas": 3}))


def test_a_pull_secret_named_twice_is_used_once(claim: Callable[..., Agent]) -> None:
    built = pod(deployment.build(claim(imagePullSecrets=["a", "b", "a"])))
    assert built["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize("name", ["support", "a" * 63, "7.up", "x" * 253])
def test_every_object_of_any_claim_has_a_legal_name(claim: Callable[..., Agent], name: str) -> None:
    built = [build(claim(name)) for build in BUILDERS]
    assert all(len(manifest["metadata"]["name"]) <= 63 for manifest in built)
    assert all(len(label) <= 63 for manifest in built for label in manifest["metadata"]["labels"].values())


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def variables(container: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in container["env"]} - {"TMPDIR"}
