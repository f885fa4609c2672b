"""From a claim and what is observed to what should be: a table of steps, and the one rule by which they wait."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from function.observed import Cluster
from function.readiness import Verdict, judge
from function.resources import deployment, scaled_object, service, service_account, streams_job
from function.targets import Manifest
from function.xr import Agent

KEDA = "scaledobjects.keda.sh"


@dataclass(frozen=True)
class Step:
    """One composed resource: after which steps it comes, and which CustomResourceDefinition it cannot do without."""

    name: str
    build: Callable[[Agent], Manifest]
    after: tuple[str, ...] = ()
    definition: str | None = None
    key: Callable[[Agent], str] | None = None

    def key_for(self, agent: Agent) -> str:
        """The name by which Crossplane tells this resource from the others of the composite."""
        return self.key(agent) if self.key else self.name


STEPS = (
    Step("service-account", service_account.build),
    Step("streams", streams_job.build, after=("service-account",), key=streams_job.key),
    Step("deployment", deployment.build, after=("streams",)),
    Step("service", service.build, after=("deployment",)),
    Step("scaler", scaled_object.build, after=("streams", "deployment"), definition=KEDA),
)
DEFINITIONS = tuple(step.definition for step in STEPS if step.definition)


@dataclass(frozen=True)
class Outcome:
    """What became of a step. Without a manifest it is not composed, and the verdict says why."""

    key: str
    verdict: Verdict
    manifest: Manifest | None = None
    skipped: bool = False


Outcomes = Mapping[str, Outcome]


def compose(agent: Agent, cluster: Cluster) -> Outcomes:
    """Take every step as far as it may go."""
    if _known_missing(KEDA, cluster):
        agent = replace(agent, replicas=1)
    outcomes: dict[str, Outcome] = {}
    for step in STEPS:
        outcomes[step.name] = _advance(step, agent, cluster, outcomes)
    return outcomes


def _advance(step: Step, agent: Agent, cluster: Cluster, done: Outcomes) -> Outcome:
    key = step.key_for(agent)
    observed = cluster.resources.get(key)
    if observed is None and (held := _hold(step, key, cluster, done)):
        return held
    manifest = step.build(agent)
    return Outcome(key, judge(manifest["kind"], observed), manifest)


def _hold(step: Step, key: str, cluster: Cluster, done: Outcomes) -> Outcome | None:
    """The gate: a step that is not observed yet waits for its operator, then for the steps that it comes after."""
    if step.definition and not cluster.definitions.get(step.definition):
        return _without_operator(step.definition, key, cluster)
    unready = [name for name in step.after if not done[name].verdict.ready]
    if unready:
        return Outcome(key, Verdict(ready=False, reason="Waiting", message=f"Waiting for {' and '.join(unready)}"))
    return None


def _without_operator(definition: str, key: str, cluster: Cluster) -> Outcome:
    if _known_missing(definition, cluster):
        message = f"The cluster has no CustomResourceDefinition {definition}; the service runs with one replica"
        return Outcome(key, Verdict(ready=False, reason="KedaNotInstalled", message=message), skipped=True)
    message = f"Whether the cluster has the CustomResourceDefinition {definition} is not known yet"
    return Outcome(key, Verdict(ready=False, reason="Waiting", message=message))


def _known_missing(definition: str, cluster: Cluster) -> bool:
    return cluster.definitions.get(definition) is False
