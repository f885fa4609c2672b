"""A cluster that keeps what Crossplane and Kubernetes keep between calls, its controllers going one step at a time."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict

from function import operators
from function.fn import run
from function.secrets import Secret, used
from function.xr import parse

Document = dict[str, Any]

MOST_ROUNDS = 5  # of requirements, after which Crossplane gives up
VERSIONS = ("v1", "v1alpha1", "v1beta1")
STATUS = {
    fnv1.STATUS_CONDITION_TRUE: "True",
    fnv1.STATUS_CONDITION_FALSE: "False",
    fnv1.STATUS_CONDITION_UNKNOWN: "Unknown",
}


@dataclass
class SimulatedCluster:
    """One claim in its cluster. By default every operator and every Secret that the claim names is there."""

    spec: Document
    name: str = "support"
    namespace: str = "team-a"
    definitions: set[str] = field(default_factory=lambda: {it.definition for it in operators.ALL})
    secrets: dict[str, set[str]] = field(default_factory=dict)
    options: Document | None = None
    objects: dict[str, Document] = field(default_factory=dict)
    status: Document = field(default_factory=dict)
    history: list[fnv1.RunFunctionResponse] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for secret in self._named():
            self.secrets.setdefault(secret.name, set()).update(key for keys in secret.needs for key in keys)

    def reconcile(self) -> fnv1.RunFunctionResponse:
        """Call until the requirements stay the same, then apply what is desired."""
        required: Document = {}
        for _ in range(MOST_ROUNDS):
            answer = run(self.request(required))
            asked = MessageToDict(answer.requirements).get("resources", {})
            if asked.keys() == required.keys():
                break
            required = {name: list(self._found(selector)) for name, selector in asked.items()}
        else:
            raise AssertionError("the requirements never stay the same")
        self._apply(answer)
        self.history.append(answer)
        return answer

    def tick(self, *kinds: str) -> None:
        """Let the controllers of these kinds, or all of them, go one step."""
        for composed in self.objects.values():
            if not kinds or composed["kind"] in kinds:
                CONTROLLERS.get(composed["kind"], _rest)(composed, self)

    def scale(self, replicas: int) -> None:
        """Do what a HorizontalPodAutoscaler does."""
        deployment = self.objects.get("deployment")
        if deployment and "scaler" in self.objects and deployment["spec"].get("replicas") != replicas:
            deployment["spec"]["replicas"] = replicas
            deployment["metadata"]["generation"] += 1

    def settle(self, calls: int = 40) -> fnv1.RunFunctionResponse:
        """Let everything go on until neither the cluster nor the answer changes any more."""
        for _ in range(calls):
            before = deepcopy((self.objects, self.status))
            answer = self.reconcile()
            self.tick()
            if (self.objects, self.status) == before:
                return answer
        raise AssertionError("it never settles")

    def conditions(self, kind: str) -> list[str]:
        """What a condition was, call by call; Ready is what Crossplane makes of the answer."""
        if kind == "Ready":
            return [str(is_ready(answer)) for answer in self.history]
        return [STATUS[each.status] for answer in self.history for each in answer.conditions if each.type == kind]

    def request(self, required: Document) -> fnv1.RunFunctionRequest:
        """What Crossplane sends."""
        request = fnv1.RunFunctionRequest(meta={"tag": "t"})
        metadata = {"name": self.name, "namespace": self.namespace, "generation": 1}
        composite = {"metadata": metadata, "spec": self.spec, "status": self.status}
        request.observed.composite.resource.update(composite)
        for key, composed in self.objects.items():
            request.observed.resources[key].resource.update(composed)
        for name, found in required.items():
            request.required_resources[name].SetInParent()
            for document in found:
                request.required_resources[name].items.add().resource.update(document)
        if self.options is not None:
            request.input.update(self.options)
        return request

    def _apply(self, answer: fnv1.RunFunctionResponse) -> None:
        desired = {key: MessageToDict(it.resource) for key, it in answer.desired.resources.items()}
        for key in self.objects.keys() - desired.keys():
            self.withdrawn.append(key)
            del self.objects[key]
        for key, document in desired.items():
            definition = DEFINED_BY.get(document["kind"])
            assert key in self.objects or definition in {None, *self.definitions}, "one unknown kind blocks all"
            self.objects[key] = _applied(document, self.objects.get(key))
        status: Document = MessageToDict(answer.desired.composite.resource).get("status", {})
        said = [{"type": it.type, "status": STATUS[it.status], "reason": it.reason} for it in answer.conditions]
        self.status = {**status, "conditions": said}

    def _found(self, selector: Document) -> Iterator[Document]:
        name = selector["matchName"]
        if selector["kind"] == "CustomResourceDefinition" and name in self.definitions:
            versions = [{"name": version, "served": True} for version in VERSIONS]
            yield {"metadata": {"name": name}, "spec": {"versions": versions}}
        if selector["kind"] == "Secret" and name in self.secrets and selector["namespace"] == self.namespace:
            yield {"metadata": {"name": name}, "data": dict.fromkeys(self.secrets[name], CANARY)}

    def _named(self) -> Iterator[Secret]:
        return used(parse(self.name, self.namespace, self.spec))


DEFINED_BY = dict(
    zip(
        ("ScaledObject", "ExternalSecret", "PodMonitor", "PrometheusRule"),
        (it.definition for it in operators.ALL),
        strict=True,
    )
)
CANARY = "Y2FuYXJ5LXZhbHVl"


def is_ready(answer: fnv1.RunFunctionResponse) -> bool:
    """Whether Crossplane would make the composite Ready."""
    if answer.desired.composite.ready != fnv1.READY_UNSPECIFIED:
        return answer.desired.composite.ready == fnv1.READY_TRUE
    return all(it.ready == fnv1.READY_TRUE for it in answer.desired.resources.values())


def serialized(answer: fnv1.RunFunctionResponse) -> bytes:
    return answer.SerializeToString(deterministic=True)


def _applied(desired: Document, observed: Document | None) -> Document:
    """Server-side apply: what others set stays, and another spec is another generation."""
    if observed is None:
        desired["metadata"]["generation"] = 1
        return desired
    assert desired["metadata"]["name"] == observed["metadata"]["name"]
    generation, spec = observed["metadata"]["generation"], desired.get("spec")
    if desired["kind"] == "Deployment" and "replicas" in observed["spec"]:
        spec = {"replicas": observed["spec"]["replicas"], **desired["spec"]}
    desired["metadata"]["generation"] = generation + (spec != observed.get("spec"))
    kept = {"status": observed["status"]} if "status" in observed else {}
    return {**desired, **({"spec": spec} if spec is not None else {}), **kept}


def _rest(_: Document, __: SimulatedCluster) -> None:
    """A kind that has no controller."""


def _script(*statuses: Document) -> Callable[[Document, SimulatedCluster], None]:
    """One status after the other; the last one stays."""

    def step(composed: Document, _: SimulatedCluster) -> None:
        at = statuses.index(composed["status"]) if composed.get("status") in statuses else -1
        composed["status"] = statuses[min(at + 1, len(statuses) - 1)]

    return step


def _said(kind: str, status: str, reason: str = "") -> Document:
    return {"conditions": [{"type": kind, "status": status, "reason": reason}]}


def _deployment(composed: Document, _: SimulatedCluster) -> None:
    """The generation is seen, then a new template's pods come up, then the old ones are gone."""
    status, spec = composed.setdefault("status", {}), composed["spec"]
    template = json.dumps(spec["template"], sort_keys=True)
    replicas = spec.setdefault("replicas", 1)
    if status.get("observedGeneration") != composed["metadata"]["generation"] or status.get("replicas") != replicas:
        rolled = status.get("rolled") == template
        status.update(observedGeneration=composed["metadata"]["generation"], replicas=replicas)
        status["updatedReplicas"] = replicas if rolled else 0
        status.update(_said("Progressing", "True", "NewReplicaSetAvailable" if rolled else "ReplicaSetUpdated"))
    elif status.get("rolled") != template:
        status.update(_said("Progressing", "True", "NewReplicaSetAvailable"), rolled=template)
        status.update(updatedReplicas=replicas, availableReplicas=replicas)
    else:
        status["availableReplicas"] = replicas


def _external_secret(composed: Document, cluster: SimulatedCluster) -> None:
    status = composed.setdefault("status", {})
    if status:
        target = composed["spec"]["target"]
        keys = target.get("template", {}).get("data") or [it["secretKey"] for it in composed["spec"]["data"]]
        cluster.secrets[target["name"]] = {*keys}
    status.update(_said("Ready", "True", "SecretSynced") if status else _said("Ready", "False", "SecretSyncedError"))


CONTROLLERS: dict[str, Callable[[Document, SimulatedCluster], None]] = {
    "Deployment": _deployment,
    "ExternalSecret": _external_secret,
    "Job": _script({}, {"active": 1}, {"active": 1, "failed": 1}, _said("Complete", "True")),
    "ScaledObject": _script({}, _said("Ready", "Unknown"), _said("Ready", "True", "ScaledObjectReady")),
}
