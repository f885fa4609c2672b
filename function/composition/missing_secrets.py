"""What the claim's Secrets lack, as far as Crossplane shows them: names and keys, never a value."""

from collections.abc import Iterable

from function.claim.secrets import Secret
from function.composition.observed import Cluster
from function.composition.readiness import Verdict

NOT_CHECKED = Verdict(
    ready=True,
    known=False,
    reason="NotChecked",
    message="The function is shown no Secrets; the events of the pods name one that is missing",
)


def judge(wanted: Iterable[Secret], cluster: Cluster) -> Verdict:
    """Whether every Secret is there with every key that is needed."""
    if cluster.secrets is None:
        return NOT_CHECKED
    wanted = tuple(wanted)
    if absent := lacking(wanted, cluster):
        complaints = [_absence(secret, cluster) for secret in absent]
        reason = "SecretMissing" if any(_is_missing(secret, cluster) for secret in absent) else "KeyMissing"
        return Verdict(ready=False, reason=reason, message="; ".join(complaints))
    if unknown := [secret.name for secret in wanted if secret.name not in cluster.secrets]:
        return Verdict(ready=False, reason="Waiting", message=f"Not known yet: {', '.join(unknown)}")
    return Verdict(ready=True, reason="Available")


def lacking(wanted: Iterable[Secret], cluster: Cluster) -> list[Secret]:
    """The Secrets that are known to be missing or to lack a key."""
    return [secret for secret in wanted if secret.name in (cluster.secrets or {}) and _lacks(secret, cluster)]


def _lacks(secret: Secret, cluster: Cluster) -> list[str]:
    """What it lacks: a key, or where one of several would do, these with `or` between."""
    there = (cluster.secrets or {}).get(secret.name) or frozenset()
    return [" or ".join(keys) for keys in secret.needs if not there.intersection(keys)]


def _is_missing(secret: Secret, cluster: Cluster) -> bool:
    return (cluster.secrets or {}).get(secret.name) is None


def _absence(secret: Secret, cluster: Cluster) -> str:
    if _is_missing(secret, cluster):
        return f"Secret {secret.name} is missing ({secret.named_by})"
    return f"Secret {secret.name} has no {', '.join(_lacks(secret, cluster))} ({secret.named_by})"
