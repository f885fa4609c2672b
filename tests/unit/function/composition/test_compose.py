"""What is composed, and when."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from function.claim.secrets import used
from function.claim.xr import Agent
from function.composition.compose import compose, operators_to_ask_about
from function.composition.manifest import Manifest
from function.composition.observed import Cluster, Observed
from function.composition.operators import ALL, EXTERNAL_SECRETS, KEDA, POD_MONITORS, PROMETHEUS_RULES
from function.composition.resources import streams_job
from function.composition.steps import Outcomes

DONE = {"conditions": [{"type": "Complete", "status": "True"}]}
SERVES = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
SCALES = {"conditions": [{"type": "Ready", "status": "True"}]}

FIRST = {"service-account": Observed("support"), "network-policy": Observed("support")}
RUNNING = {"streams": Observed("support-streams")}
PROVISIONED = {"streams": Observed("support-streams", status=DONE)}
ROLLING = {"deployment": Observed("support")}
DEPLOYED = {"deployment": Observed("support", status=SERVES)}
LAST = {name: Observed("support") for name in ("service", "disruption-budget", "pod-monitor", "alerts")}
SCALER = {"scaler": Observed("support", status=SCALES)}
EVERYTHING = FIRST | PROVISIONED | DEPLOYED | LAST | SCALER

THERE = {it.definition: frozenset({"v1", "v1alpha1", "v1beta1"}) for it in ALL}
STORE = {"name": "store", "prefix": "/team"}


@pytest.mark.parametrize(
    ("observed", "composed", "ready"),
    [
        ({}, FIRST, {}),
        (FIRST, FIRST | RUNNING, FIRST),
        (FIRST | RUNNING, FIRST | RUNNING, FIRST),
        (FIRST | PROVISIONED, FIRST | PROVISIONED | ROLLING, FIRST | PROVISIONED),
        (FIRST | PROVISIONED | ROLLING, FIRST | PROVISIONED | ROLLING, FIRST | PROVISIONED),
        (FIRST | PROVISIONED | DEPLOYED, EVERYTHING, FIRST | PROVISIONED | DEPLOYED),
        (EVERYTHING, EVERYTHING, EVERYTHING),
    ],
)
def test_a_step_waits_until_what_it_needs_is_ready(
    agent: Agent, observed: Mapping[str, Observed], composed: Mapping[str, Observed], ready: Mapping[str, Observed]
) -> None:
    outcomes = compose(agent, seen(agent, observed))
    assert composed_of(outcomes) == {*composed}
    done = {name for name in composed_of(outcomes) if outcomes[name].verdict.ready}
    assert done == {*ready}


@pytest.mark.parametrize("lost", ["service-account", "network-policy", "streams", "deployment"])
def test_no_gate_withdraws_what_is_observed(agent: Agent, lost: str) -> None:
    broken = {key: observed for key, observed in EVERYTHING.items() if key != lost}
    assert {*broken} <= composed_of(compose(agent, seen(agent, broken)))
    assert {*broken} <= composed_of(compose(agent, seen(agent, broken, definitions={})))


def test_changed_settings_give_a_new_job_and_leave_the_deployment_running(
    agent: Agent, claim: Callable[..., Agent]
) -> None:
    world = seen(agent, EVERYTHING)
    outcomes = compose(claim(natsStreamName="OTHER"), world)
    assert composed_of(outcomes) == {*EVERYTHING}
    assert outcomes["streams"].key not in world.resources
    assert not outcomes["streams"].verdict.ready


def test_without_keda_one_replica_runs_and_nothing_waits(agent: Agent) -> None:
    definitions = THERE | {KEDA.definition: frozenset()}
    outcomes = compose(agent, seen(agent, FIRST | PROVISIONED | DEPLOYED, definitions=definitions))
    assert composed_of(outcomes) == {*EVERYTHING} - {"scaler"}
    assert manifest(outcomes, "deployment")["spec"]["replicas"] == 1
    assert (outcomes["scaler"].skipped, outcomes["scaler"].verdict.reason) == (True, "KedaNotInstalled")


@pytest.mark.parametrize("definitions", [THERE, {}], ids=["installed", "not known yet"])
def test_with_keda_or_before_it_is_known_no_one_but_the_scaler_says_how_many(
    agent: Agent, definitions: Mapping[str, frozenset[str]]
) -> None:
    outcomes = compose(agent, seen(agent, FIRST | PROVISIONED | DEPLOYED, definitions=definitions))
    assert "replicas" not in manifest(outcomes, "deployment")["spec"]
    assert ("scaler" in composed_of(outcomes)) is bool(definitions)


def test_an_observed_scaler_stays_although_the_cluster_is_said_to_have_no_keda(agent: Agent) -> None:
    definitions = THERE | {KEDA.definition: frozenset()}
    outcomes = compose(agent, seen(agent, EVERYTHING, definitions=definitions))
    assert "scaler" in composed_of(outcomes)
    assert "replicas" not in manifest(outcomes, "deployment")["spec"]


@pytest.mark.parametrize(
    ("served", "reason", "message"),
    [
        (
            frozenset[str](),
            "ExternalSecretsNotInstalled",
            "The cluster has no externalsecrets.external-secrets.io; the Secrets must be there without it",
        ),
        (
            frozenset({"v1alpha1", "v1beta1"}),
            "VersionNotServed",
            "The cluster serves no v1 of externalsecrets.external-secrets.io; the Secrets must be there without it",
        ),
    ],
)
def test_a_store_without_its_operator_is_said_and_matters_only_where_a_secret_is_missing(
    claim: Callable[..., Agent], served: frozenset[str], reason: str, message: str
) -> None:
    agent = claim(secretStore=STORE)
    definitions = THERE | {EXTERNAL_SECRETS.definition: served}
    world = seen(agent, FIRST, definitions=definitions)
    assert compose(agent, world)["secrets"].verdict.reason == "Available"
    found = compose(agent, replace(world, secrets={**(world.secrets or {}), "support-llm-keys": None}))
    assert (found["secrets"].verdict.ready, found["secrets"].verdict.reason) == (False, reason)
    assert found["secrets"].verdict.message == f"{message}. Secret support-llm-keys is missing (spec.llmKeysSecret)"
    assert found["secrets"].lacks == ("Secret/support-llm-keys",)


def test_a_store_without_its_operator_stops_nothing_where_secrets_are_not_shown(claim: Callable[..., Agent]) -> None:
    agent = claim(secretStore=STORE)
    definitions = THERE | {EXTERNAL_SECRETS.definition: frozenset[str]()}
    outcome = compose(agent, Cluster(FIRST, definitions, None))["secrets"]
    assert (outcome.verdict.ready, outcome.verdict.known) == (True, False)
    assert outcome.verdict.reason == "ExternalSecretsNotInstalled"


def test_what_the_store_does_not_provide_must_be_there(claim: Callable[..., Agent]) -> None:
    agent = claim(secretStore={**STORE, "provides": ["openai"]})
    fetched = {"llm-keys-secret": Observed("support-llm-keys", status=SCALES)}
    world = seen(agent, FIRST | fetched)
    outcomes = compose(agent, replace(world, secrets={**(world.secrets or {}), "support-postgres": None}))
    assert composed_of(outcomes) == {*FIRST, "llm-keys-secret"}
    assert outcomes["secrets"].verdict.message == "Secret support-postgres is missing (spec.postgresConnectionSecret)"


def test_a_claim_may_go_without_its_own_streams_and_without_monitoring(claim: Callable[..., Agent]) -> None:
    agent = claim(streams={"provisioning": "None"}, monitoring={"podMonitor": False})
    outcomes = compose(agent, seen(agent, FIRST | DEPLOYED))
    assert composed_of(outcomes) == {*EVERYTHING} - {"streams", "pod-monitor", "alerts"}
    assert (outcomes["streams"].verdict.ready, outcomes["streams"].verdict.known) == (True, False)


def test_operators_are_asked_for_where_what_they_define_is_wanted_and_not_observed(
    agent: Agent, claim: Callable[..., Agent]
) -> None:
    store = claim(secretStore=STORE, monitoring={"alerts": False})
    assert [*operators_to_ask_about(agent, seen(agent, {}))] == [POD_MONITORS, PROMETHEUS_RULES, KEDA]
    assert {*operators_to_ask_about(store, seen(store, {}))} == {EXTERNAL_SECRETS, POD_MONITORS, KEDA}
    assert [*operators_to_ask_about(agent, seen(agent, EVERYTHING))] == []


def seen(
    agent: Agent, observed: Mapping[str, Observed], *, definitions: Mapping[str, frozenset[str]] = THERE
) -> Cluster:
    keys = {"streams": streams_job.key(streams_job.build(agent))}
    resources = {keys.get(step, step): resource for step, resource in observed.items()}
    secrets = {secret.name: frozenset(key for keys in secret.needs for key in keys) for secret in used(agent)}
    return Cluster(resources, definitions, secrets)


def composed_of(outcomes: Outcomes) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome.manifest}


def manifest(outcomes: Outcomes, step: str) -> Manifest:
    found = outcomes[step].manifest
    assert found
    return found
