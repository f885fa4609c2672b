"""What the claim is told: conditions, what is new about them, and a status that holds only what settles."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import contract
from function.claim.xr import Agent
from function.composition.observed import UNKNOWN, Cluster, Observed
from function.composition.readiness import Verdict
from function.composition.resources import service
from function.composition.steps import Outcomes

# Ready is Crossplane's own condition; it follows from the readiness of the composed resources.
STEP_OF_CONDITION = {
    "SecretsReady": "secrets",
    "StreamsReady": "streams",
    "Deployed": "deployment",
    "Scaling": "scaler",
}

# Of a claim that asks for what is reached over HTTP alone.
REACHABLE = "Reachable"
CONDITIONS = (*STEP_OF_CONDITION, REACHABLE)

# What every claim goes through is not news.
ON_THE_WAY = frozenset({"Waiting", "Creating", "RollingOut", "Running", "Starting", "Syncing"})


@dataclass(frozen=True)
class Condition:
    """One condition of the claim; `status` as Kubernetes spells it."""

    type: str
    status: str
    reason: str
    message: str = ""


@dataclass(frozen=True)
class News:
    """A condition that is not what it was."""

    condition: Condition
    good: bool

    @property
    def message(self) -> str:
        """The news in one line."""
        said = self.condition.message or self.condition.reason
        return f"{self.condition.type} is {self.condition.status}: {said}"


def conditions(outcomes: Outcomes) -> tuple[Condition, ...]:
    """One condition for each step that a tenant has an interest in."""
    return tuple(_condition(kind, outcomes[step].verdict) for kind, step in STEP_OF_CONDITION.items())


def reachable(agent: Agent, composite: Observed) -> tuple[Condition, ...]:
    """Whether HTTP is always answered, where it matters, or mattered when it was last said: a condition stays."""
    fields = {"spec.agents.configMaps": agent.spec.agents.config_maps, "spec.auth.issuers": agent.spec.auth.issuers}
    asked = " and ".join(field for field, value in fields.items() if value)
    if asked and agent.sleeps:
        message = f"At zero replicas nothing answers over HTTP, which {asked} ask for: spec.scaling.minReplicas is 0"
        return (Condition(REACHABLE, "False", "SleepsAtZero", message),)
    if asked or composite.condition(REACHABLE).reason:
        return (Condition(REACHABLE, "True", "NotAskedFor" if agent.sleeps else "NeverSleeps"),)
    return ()


def refusal(reason: str, message: str) -> Condition:
    """The condition of a claim that cannot be deployed as it is written."""
    return Condition("Deployed", "False", reason, message)


def news(said: Iterable[Condition], composite: Observed) -> Iterator[News]:
    """The conditions that differ from what the composite shows, each told once: by the next call it shows them."""
    for condition in said:
        before = composite.condition(condition.type)
        if (before.status, before.reason) != (condition.status, condition.reason) and _is_news(condition):
            yield News(condition, good=condition.status == "True")


def status(agent: Agent, cluster: Cluster, outcomes: Outcomes) -> dict[str, Any]:
    """The composite's status, all of it: what is left out here is removed there."""
    said: dict[str, Any] = {"waitingFor": waiting_for(outcomes)}
    if outcomes["streams"].verdict.ready or outcomes["streams"].manifest:
        said["streams"] = _streams(agent)
    if outcomes["deployment"].manifest:
        said["image"] = agent.spec.image
    if observed := cluster.resources.get("deployment"):
        said["replicas"] = observed.count("replicas")
    if outcomes["service"].manifest:
        said["endpoint"] = service.endpoint(agent)
    return said


def progress(said: Iterable[Condition]) -> dict[str, dict[str, str]]:
    """What the conditions say, as fields of the status, all of them: what is left out a claim would keep."""
    return {
        _uncapitalized(each.type): {"status": each.status, "reason": each.reason, "message": each.message}
        for each in said
    }


def remembered(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status with the conditions that its progress tells of."""
    kept = status.get("progress")
    said = kept if isinstance(kept, dict) else {}
    kinds = ((kind, said.get(_uncapitalized(kind))) for kind in CONDITIONS)
    return {"conditions": [{**each, "type": kind} for kind, each in kinds if isinstance(each, dict)]}


def waiting_for(outcomes: Outcomes) -> list[str]:
    """What is not ready or not there, as `Kind/name`; all that waits, waits for one of them."""
    composed = [(outcome.manifest, outcome.verdict) for outcome in outcomes.values() if outcome.manifest]
    lacking = [name for outcome in outcomes.values() for name in outcome.lacks]
    return [*lacking, *(f"{it['kind']}/{it['metadata']['name']}" for it, verdict in composed if not verdict.ready)]


def must_wait(outcomes: Outcomes) -> bool:
    """Whether a step waits although everything composed is ready, which Crossplane would take for the end."""
    waits = any(not outcome.manifest and not outcome.skipped for outcome in outcomes.values())
    return waits and all(outcome.verdict.ready for outcome in outcomes.values() if outcome.manifest)


def _uncapitalized(kind: str) -> str:
    return kind[0].lower() + kind[1:]


def _is_news(condition: Condition) -> bool:
    return condition.status != UNKNOWN and condition.reason not in ON_THE_WAY


def _condition(kind: str, verdict: Verdict) -> Condition:
    known = UNKNOWN if not verdict.known else str(verdict.ready)
    return Condition(kind, known, verdict.reason, verdict.message)


def _streams(agent: Agent) -> dict[str, str]:
    jobs = agent.spec.nats_stream_name
    return {
        "jobs": jobs,
        "status": contract.status_stream(jobs),
        "deadLetters": contract.dead_letter_stream(jobs),
        "consumer": agent.consumer_group,
    }
