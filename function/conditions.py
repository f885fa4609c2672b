"""What the claim is told: conditions, and a status that holds only what settles."""

from dataclasses import dataclass
from typing import Any

import contract
from function.compose import Outcomes
from function.observed import Cluster
from function.readiness import Verdict
from function.resources import service
from function.xr import Agent

# Ready is Crossplane's own condition; it follows from the readiness of the composed resources.
STEP_OF_CONDITION = {"StreamsReady": "streams", "Deployed": "deployment", "Scaling": "scaler"}


@dataclass(frozen=True)
class Condition:
    """One condition of the claim."""

    type: str
    status: bool
    reason: str
    message: str = ""


def conditions(outcomes: Outcomes) -> tuple[Condition, ...]:
    """One condition for each step that a tenant has an interest in."""
    return tuple(_condition(kind, outcomes[step].verdict) for kind, step in STEP_OF_CONDITION.items())


def refusal(message: str) -> Condition:
    """The condition of a claim that cannot be deployed as it is written."""
    return Condition("Deployed", status=False, reason="InvalidClaim", message=message)


def status(agent: Agent, cluster: Cluster, outcomes: Outcomes) -> dict[str, Any]:
    """The composite's status, all of it: what is left out here is removed there."""
    said: dict[str, Any] = {"waitingFor": waiting_for(outcomes)}
    if outcomes["streams"].manifest:
        said["streams"] = _streams(agent)
    if outcomes["deployment"].manifest:
        said["image"] = agent.spec.image
    if observed := cluster.resources.get("deployment"):
        said["replicas"] = observed.count("replicas")
    if outcomes["service"].manifest:
        said["endpoint"] = service.endpoint(agent)
    return said


def waiting_for(outcomes: Outcomes) -> list[str]:
    """The composed resources that are not ready, as `Kind/name`; all that waits, waits for one of them."""
    composed = [(outcome.manifest, outcome.verdict) for outcome in outcomes.values() if outcome.manifest]
    return [f"{it['kind']}/{it['metadata']['name']}" for it, verdict in composed if not verdict.ready]


def must_wait(outcomes: Outcomes) -> bool:
    """Whether a step waits although everything composed is ready, which Crossplane would take for the end."""
    waits = any(not outcome.manifest and not outcome.skipped for outcome in outcomes.values())
    return waits and not waiting_for(outcomes)


def _condition(kind: str, verdict: Verdict) -> Condition:
    return Condition(kind, verdict.ready, verdict.reason, verdict.message)


def _streams(agent: Agent) -> dict[str, str]:
    jobs = agent.spec.nats_stream_name
    return {
        "jobs": jobs,
        "status": contract.status_stream(jobs),
        "deadLetters": contract.dead_letter_stream(jobs),
        "consumer": agent.consumer_group,
    }
