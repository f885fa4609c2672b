"""The step that composes nothing: every Secret is there, whether a store supplies it or somebody else."""

from dataclasses import dataclass, replace

from function.claim import secrets
from function.claim.xr import Agent
from function.composition import missing_secrets
from function.composition.observed import Cluster
from function.composition.readiness import Verdict
from function.composition.steps import NOT_ASKED_FOR, Outcome, Outcomes


@dataclass(frozen=True)
class SecretsStep:
    """Comes after the steps that fetch Secrets from a store; pods come after it."""

    name: str
    after: tuple[str, ...]

    def take(self, agent: Agent, cluster: Cluster, done: Outcomes) -> Outcome:
        """See what the store's operator says, then look for the Secrets that it does not make."""
        asked = [done[name] for name in self.after if done[name].verdict is not NOT_ASKED_FOR]
        for outcome in asked:
            if not (outcome.verdict.ready or outcome.skipped):
                return Outcome(self.name, outcome.verdict)
        made = {outcome.manifest["spec"]["target"]["name"] for outcome in asked if outcome.manifest}
        wanted = [secret for secret in secrets.used(agent) if secret.name not in made]
        verdict = missing_secrets.judge(wanted, cluster)
        for outcome in asked:
            if outcome.skipped:
                verdict = _without_store(outcome.verdict, verdict)
        lacks = tuple(dict.fromkeys(f"Secret/{secret.name}" for secret in missing_secrets.lacking(wanted, cluster)))
        return Outcome(self.name, verdict, skipped=verdict.ready, lacks=lacks)


def _without_store(operator: Verdict, found: Verdict) -> Verdict:
    """Where the operator is missing, that is why Secrets are; where they are there all the same, it does not matter."""
    if found.ready and found.known:
        return found
    if operator.reason == found.reason:
        return found
    return replace(found, reason=operator.reason, message=f"{operator.message}. {found.message}")
