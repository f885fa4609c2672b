"""Per kind: is this observed object ready, and if not, why. No message holds a number that goes on changing."""

from collections.abc import Callable
from dataclasses import dataclass

from function.composition.observed import Observed


@dataclass(frozen=True)
class Verdict:
    """Whether a step is done, with a reason for programs and a message for people.

    One that is not `known` lets others go on, and is Unknown to the tenant.
    """

    ready: bool
    reason: str
    message: str = ""
    known: bool = True


# The one verdict that whatever waits for it repeats: nothing but its cause will help.
NOT_APPLIED = "NotApplied"


def judge(kind: str, observed: Observed | None, *, sleeps: bool = False) -> Verdict:
    """Judge one composed resource; a kind without a rule is ready when it exists."""
    if observed is not None and observed.refusal:
        message = f"The {kind} {observed.name} cannot be applied: {observed.refusal}"
        return Verdict(ready=False, reason=NOT_APPLIED, message=message)
    if observed is None or not observed.there:
        return Verdict(ready=False, reason="Creating", message=f"The {kind} is being created")
    if kind == "Deployment":
        return _deployment(observed, sleeps=sleeps)
    return RULES.get(kind, _exists)(observed)


def _exists(_: Observed) -> Verdict:
    return Verdict(ready=True, reason="Created")


def _deployment(observed: Observed, *, sleeps: bool) -> Verdict:
    """A number of replicas that changes is the scaler's business; only another template is a rollout.

    With a scaler that takes the last pod, a Deployment that was rolled out once stays available while none serves.
    """
    progress, rolled_out = observed.condition("Progressing"), _is_rolled_out(observed)
    if progress.status == "False":
        return Verdict(ready=False, reason=progress.reason or "Failed", message=progress.message)
    serves = observed.replicas == 0 or observed.count("availableReplicas") > 0
    if rolled_out and (serves or (sleeps and progress.reason == ROLLED_OUT_ONCE)):
        return Verdict(ready=True, reason="Available")
    failure = observed.condition("ReplicaFailure")
    if failure.status == "True":
        return Verdict(ready=False, reason=failure.reason or "ReplicaFailure", message=failure.message)
    if rolled_out and progress.reason == ROLLED_OUT_ONCE:
        message = f"No pod of the Deployment {observed.name} serves; the pods' events and logs say why"
        return Verdict(ready=False, reason="Unavailable", message=message)
    return Verdict(ready=False, reason="RollingOut", message=f"The Deployment {observed.name} is rolling out")


# What Kubernetes says from the end of a rollout to the next template.
ROLLED_OUT_ONCE = "NewReplicaSetAvailable"


def _is_rolled_out(observed: Observed) -> bool:
    """Whether only pods of the newest template are left.

    The generation runs ahead of what the controller has seen after every change. Where the number of replicas is not
    yet what the spec asks for, it was the scaler who changed it.
    """
    unseen = observed.count("observedGeneration") < observed.generation
    if unseen and observed.replicas == observed.count("replicas"):
        return False
    return observed.count("updatedReplicas") == observed.count("replicas")


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


def _external_secret(observed: Observed) -> Verdict:
    condition = observed.condition("Ready")
    if condition.status == "True":
        return Verdict(ready=True, reason=condition.reason or "SecretSynced")
    said = condition.message or "External Secrets has not taken it up"
    return Verdict(
        ready=False, reason=condition.reason or "Syncing", message=f"The ExternalSecret {observed.name}: {said}"
    )


RULES: dict[str, Callable[[Observed], Verdict]] = {
    "ExternalSecret": _external_secret,
    "Job": _job,
    "ScaledObject": _scaled_object,
}
