"""Per kind: is this observed object ready, and if not, why. No message holds a number that goes on changing."""

from collections.abc import Callable
from dataclasses import dataclass

from function.observed import Observed


@dataclass(frozen=True)
class Verdict:
    """Whether a step is done, with a reason for programs and a message for people."""

    ready: bool
    reason: str
    message: str = ""


def judge(kind: str, observed: Observed | None) -> Verdict:
    """Judge one composed resource; a kind without a rule is ready when it exists."""
    if observed is None:
        return Verdict(ready=False, reason="Creating", message=f"The {kind} is being created")
    return RULES.get(kind, _exists)(observed)


def _exists(_: Observed) -> Verdict:
    return Verdict(ready=True, reason="Created")


def _deployment(observed: Observed) -> Verdict:
    progress = observed.condition("Progressing")
    if progress.status == "False":
        return Verdict(ready=False, reason=progress.reason or "Failed", message=progress.message)
    if observed.count("observedGeneration") < observed.generation or not _runs(observed):
        return Verdict(ready=False, reason="RollingOut", message=f"The Deployment {observed.name} is rolling out")
    return Verdict(ready=True, reason="Available")


def _runs(observed: Observed) -> bool:
    """Whether only new pods are left and one of them serves. More of them are the scaler's business, as is none."""
    only_new = observed.count("updatedReplicas") == observed.count("replicas")
    return observed.replicas == 0 or (only_new and observed.count("availableReplicas") > 0)


def _job(observed: Observed) -> Verdict:
    if observed.condition("Complete").status == "True":
        return Verdict(ready=True, reason="Completed")
    failure = observed.condition("Failed")
    if failure.status == "True":
        message = f"The Job {observed.name} failed: {failure.message}; its log says why. To try again, delete it"
        return Verdict(ready=False, reason="Failed", message=message)
    if observed.count("failed"):
        message = f"The Job {observed.name} failed and is tried again; its log says why"
        return Verdict(ready=False, reason="Retrying", message=message)
    return Verdict(ready=False, reason="Running", message=f"The Job {observed.name} is not complete")


def _scaled_object(observed: Observed) -> Verdict:
    condition = observed.condition("Ready")
    if condition.status == "True":
        return Verdict(ready=True, reason=condition.reason or "Ready")
    message = condition.message or f"KEDA has not taken up the ScaledObject {observed.name}"
    return Verdict(ready=False, reason=condition.reason or "Starting", message=message)


RULES: dict[str, Callable[[Observed], Verdict]] = {
    "Deployment": _deployment,
    "Job": _job,
    "ScaledObject": _scaled_object,
}
