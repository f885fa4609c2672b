"""One step from a claim to its resources, and the rule by which it waits."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.observed import Cluster
from function.composition.operators import Operator
from function.composition.readiness import NOT_APPLIED, Verdict, judge

NOT_ASKED_FOR = Verdict(ready=True, reason="NotAskedFor")


Written = dict[Hashable, bytes]


@dataclass(frozen=True)
class Outcome:
    """What became of a step. Without a manifest it is not composed, and the verdict says why.

    `skipped` waits for nothing. `lacks` are objects that the claim names and the cluster does not have, as Kind/name.
    `written` keeps the manifest as it was sent, by the ways in which it was, for as long as the claim is remembered.
    """

    key: str
    verdict: Verdict
    manifest: Manifest | None = None
    skipped: bool = False
    lacks: tuple[str, ...] = ()
    written: Written = field(default_factory=dict, compare=False, repr=False)


Outcomes = Mapping[str, Outcome]


def _always(_: Agent) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """One composed resource: after which steps it comes, and which operator it cannot do without.

    Where the claim does not want it, it is not composed and the verdict `otherwise` stands.
    """

    name: str
    build: Callable[[Agent], Manifest]
    after: tuple[str, ...] = ()
    operator: Operator | None = None
    wanted: Callable[[Agent], bool] = _always
    otherwise: Verdict = NOT_ASKED_FOR
    key: Callable[[Manifest], str] | None = None

    def take(self, agent: Agent, cluster: Cluster, done: Outcomes) -> Outcome:
        """Take the step as far as it may go."""
        if not self.wanted(agent):
            return Outcome(self.name, self.otherwise, skipped=True)
        manifest, written = agent.once(self.name, lambda: (self.build(agent), Written()))
        key = self.key(manifest) if self.key else self.name
        observed = cluster.resources.get(key)
        if observed is None and (held := self._hold(key, manifest, cluster, done)):
            return held
        return Outcome(key, judge(manifest["kind"], observed, sleeps=agent.sleeps), manifest, written=written)

    def _hold(self, key: str, manifest: Manifest, cluster: Cluster, done: Outcomes) -> Outcome | None:
        """The gate: a step that is not observed yet waits for its operator, then for the steps that it comes after."""
        if self.operator and (held := _without_operator(self.operator, key, manifest, cluster)):
            return held
        unready = {name: done[name].verdict for name in self.after if not done[name].verdict.ready}
        refused = (verdict for verdict in unready.values() if verdict.reason == NOT_APPLIED)
        return Outcome(key, next(refused, _waits(f"Waiting for {', '.join(unready)}"))) if unready else None


def _without_operator(operator: Operator, key: str, manifest: Manifest, cluster: Cluster) -> Outcome | None:
    served = cluster.definitions.get(operator.definition)
    if served is None:
        return Outcome(key, _waits(f"Whether the cluster has {operator.definition} is not known yet"))
    version = manifest["apiVersion"].rpartition("/")[2]
    if version in served:
        return None
    lack = f"serves no {version} of {operator.definition}" if served else f"has no {operator.definition}"
    reason = "VersionNotServed" if served else operator.reason
    verdict = Verdict(ready=False, reason=reason, message=f"The cluster {lack}; {operator.without}")
    return Outcome(key, verdict, skipped=True)


def _waits(message: str) -> Verdict:
    return Verdict(ready=False, reason="Waiting", message=message)
