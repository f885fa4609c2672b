"""What is composed, and when."""

from collections.abc import Callable, Mapping

import pytest

from function.compose import KEDA, Outcomes, compose
from function.observed import Cluster, Observed
from function.resources import streams_job
from function.targets import Manifest
from function.xr import Agent

DONE = {"conditions": [{"type": "Complete", "status": "True"}]}
SERVES = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
SCALES = {"conditions": [{"type": "Ready", "status": "True"}]}

ACCOUNT = {"service-account": Observed("support")}
RUNNING = {"streams": Observed("support-streams")}
PROVISIONED = {"streams": Observed("support-streams", status=DONE)}
ROLLING = {"deployment": Observed("support")}
DEPLOYED = {"deployment": Observed("support", status=SERVES)}
SERVICE = {"service": Observed("support")}
SCALER = {"scaler": Observed("support", status=SCALES)}


@pytest.mark.parametrize(
    ("observed", "composed", "ready"),
    [
        ({}, {"service-account"}, set()),
        (ACCOUNT, {"service-account", "streams"}, {"service-account"}),
        (ACCOUNT | RUNNING, {"service-account", "streams"}, {"service-account"}),
        (
            ACCOUNT | PROVISIONED,
            {"service-account", "streams", "deployment"},
            {"service-account", "streams"},
        ),
        (
            ACCOUNT | PROVISIONED | ROLLING,
            {"service-account", "streams", "deployment"},
            {"service-account", "streams"},
        ),
        (
            ACCOUNT | PROVISIONED | DEPLOYED,
            {"service-account", "streams", "deployment", "service", "scaler"},
            {"service-account", "streams", "deployment"},
        ),
        (
            ACCOUNT | PROVISIONED | DEPLOYED | SERVICE | SCALER,
            {"service-account", "streams", "deployment", "service", "scaler"},
            {"service-account", "streams", "deployment", "service", "scaler"},
        ),
    ],
)
def test_a_step_waits_until_what_it_needs_is_ready(
    agent: Agent, observed: Mapping[str, Observed], composed: set[str], ready: set[str]
) -> None:
    outcomes = compose(agent, seen(agent, observed, keda=True))
    assert composed_of(outcomes) == composed
    assert {name for name, outcome in outcomes.items() if outcome.verdict.ready} == ready


@pytest.mark.parametrize("lost", ["service-account", "streams", "deployment"])
def test_no_gate_withdraws_what_is_observed(agent: Agent, lost: str) -> None:
    everything = ACCOUNT | PROVISIONED | DEPLOYED | SERVICE | SCALER
    broken = {key: observed for key, observed in everything.items() if key != lost}
    assert {*broken} <= composed_of(compose(agent, seen(agent, broken, keda=True)))


def test_changed_settings_give_a_new_job_and_leave_the_deployment_running(
    agent: Agent, claim: Callable[..., Agent]
) -> None:
    world = seen(agent, ACCOUNT | PROVISIONED | DEPLOYED | SERVICE | SCALER, keda=True)
    outcomes = compose(claim(natsStreamName="OTHER"), world)
    assert composed_of(outcomes) == {"service-account", "streams", "deployment", "service", "scaler"}
    assert outcomes["streams"].key not in world.resources
    assert not outcomes["streams"].verdict.ready


def test_without_keda_one_replica_runs_and_nothing_waits(agent: Agent) -> None:
    outcomes = compose(agent, seen(agent, ACCOUNT | PROVISIONED | DEPLOYED, keda=False))
    assert composed_of(outcomes) == {"service-account", "streams", "deployment", "service"}
    assert manifest(outcomes, "deployment")["spec"]["replicas"] == 1
    assert (outcomes["scaler"].skipped, outcomes["scaler"].verdict.reason) == (True, "KedaNotInstalled")


@pytest.mark.parametrize("keda", [True, None])
def test_with_keda_or_before_it_is_known_no_one_but_the_scaler_says_how_many(
    agent: Agent, *, keda: bool | None
) -> None:
    outcomes = compose(agent, seen(agent, ACCOUNT | PROVISIONED | DEPLOYED, keda=keda))
    assert "replicas" not in manifest(outcomes, "deployment")["spec"]
    assert ("scaler" in composed_of(outcomes)) is bool(keda)


def test_an_observed_scaler_stays_although_the_cluster_is_said_to_have_no_keda(agent: Agent) -> None:
    outcomes = compose(agent, seen(agent, ACCOUNT | PROVISIONED | DEPLOYED | SCALER, keda=False))
    assert "scaler" in composed_of(outcomes)


def seen(agent: Agent, observed: Mapping[str, Observed], *, keda: bool | None) -> Cluster:
    keys = {"streams": streams_job.key(agent)}
    resources = {keys.get(step, step): resource for step, resource in observed.items()}
    return Cluster(resources, {} if keda is None else {KEDA: keda})


def composed_of(outcomes: Outcomes) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome.manifest}


def manifest(outcomes: Outcomes, step: str) -> Manifest:
    found = outcomes[step].manifest
    assert found
    return found
