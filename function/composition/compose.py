"""From a claim and what is observed to what should be: a table of steps."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from function.claim.xr import Agent
from function.composition.observed import Cluster
from function.composition.operators import EXTERNAL_SECRETS, KEDA, POD_MONITORS, PROMETHEUS_RULES, Operator
from function.composition.resources import (
    deployment,
    disruption_budget,
    external_secret,
    network_policy,
    pod_monitor,
    prometheus_rule,
    scaled_object,
    service,
    service_account,
    streams_job,
)
from function.composition.secrets_step import SecretsStep
from function.composition.steps import Outcome, Outcomes, Step

FETCHED = (
    Step(
        "postgres-secret",
        external_secret.postgres,
        operator=EXTERNAL_SECRETS,
        wanted=external_secret.wanted("postgres"),
    ),
    Step(
        "dragonfly-secret",
        external_secret.dragonfly,
        operator=EXTERNAL_SECRETS,
        wanted=external_secret.wanted("dragonfly"),
    ),
    Step(
        "llm-keys-secret",
        external_secret.llm_keys,
        operator=EXTERNAL_SECRETS,
        wanted=external_secret.wanted("openai", "anthropic"),
    ),
    Step("registry-secret", external_secret.registry, operator=EXTERNAL_SECRETS, wanted=external_secret.wants_registry),
)
STEPS: tuple[Step | SecretsStep, ...] = (
    Step("service-account", service_account.build),
    Step("network-policy", network_policy.build),
    *FETCHED,
    SecretsStep("secrets", after=tuple(step.name for step in FETCHED)),
    Step(
        "streams",
        streams_job.build,
        after=("service-account", "network-policy", "secrets"),
        wanted=streams_job.is_wanted,
        otherwise=streams_job.ELSEWHERE,
        key=streams_job.key,
    ),
    Step("deployment", deployment.build, after=("service-account", "network-policy", "secrets", "streams")),
    Step("service", service.build, after=("deployment",)),
    Step("disruption-budget", disruption_budget.build, after=("deployment",)),
    Step(
        "pod-monitor",
        pod_monitor.build,
        after=("deployment",),
        operator=POD_MONITORS,
        wanted=pod_monitor.is_wanted,
    ),
    Step(
        "alerts",
        prometheus_rule.build,
        after=("deployment",),
        operator=PROMETHEUS_RULES,
        wanted=prometheus_rule.is_wanted,
    ),
    Step("scaler", scaled_object.build, after=("streams", "deployment"), operator=KEDA),
)


def compose(agent: Agent, cluster: Cluster) -> Outcomes:
    """Take every step as far as it may go."""
    if cluster.definitions.get(KEDA.definition) == frozenset() and "scaler" not in cluster.resources:
        agent = agent.once("without a scaler", partial(replace, agent, replicas=1))
    outcomes: dict[str, Outcome] = {}
    for step in STEPS:
        outcomes[step.name] = step.take(agent, cluster, outcomes)
    return outcomes


def operators_to_ask_about(agent: Agent, cluster: Cluster) -> Iterator[Operator]:
    """Those of all wanted steps. A definition is long, so not where what it defines is observed already."""
    for step in STEPS:
        if isinstance(step, Step) and step.operator and step.wanted(agent) and step.name not in cluster.resources:
            yield step.operator
