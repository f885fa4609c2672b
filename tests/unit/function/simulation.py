"""A cluster that keeps what Crossplane and Kubernetes keep between calls, its controllers going one step at a time."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict

from function.claim.secrets import Secret, used
from function.claim.xr import parse
from function.composition import operators
from function.crossplane.targets import PREFIX
from function.fn import run
from tools.crossplanes import CROSSPLANES, Crossplane, Document

MOST_ROUNDS = 5  # of requirements, after which Crossplane gives up
VERSIONS = ("v1", "v1alpha1", "v1beta1")
STATUS = {
    fnv1.STATUS_CONDITION_TRUE: "True",
    fnv1.STATUS_CONDITION_FALSE: "False",
    fnv1.STATUS_CONDITION_UNKNOWN: "Unknown",
}


@dataclass
class SimulatedCluster:
    """One claim in its cluster. By default every operator and every Secret that the claim names is there.

    `objects` are the composed resources by their step's key. Where Crossplane wraps them, it composes `wrapped`, and
    provider-kubernetes, when it comes to that, makes the objects of them and shows them in their status.
    """

    spec: Document
    crossplane: Crossplane = CROSSPLANES["2.3"]
    name: str = "support"
    namespace: str = "team-a"
    definitions: set[str] = field(default_factory=lambda: {it.definition for it in operators.ALL})
    secrets: dict[str, set[str]] = field(default_factory=dict)
    options: Document | None = None
    objects: dict[str, Document] = field(default_factory=dict)
    wrapped: dict[str, Document] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
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
            asked = self._asked(answer)
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
        if not kinds:
            self.provide()

    def provide(self) -> None:
        """Do what provider-kubernetes does with every Object."""
        for key, wrapped in self.wrapped.items():
            manifest = _copied(wrapped["spec"]["forProvider"]["manifest"])
            if refusal := self.refusals.get(manifest["kind"]):
                wrapped.setdefault("status", {}).update(_said("Synced", "False", "ReconcileError", refusal))
                continue
            inner = key.removeprefix(PREFIX)
            self._expect_definition(inner, manifest)
            self.objects[inner] = _applied(manifest, self.objects.get(inner))
            shown = {"atProvider": {"manifest": _copied(self.objects[inner])}}
            wrapped["status"] = {**shown, **_said("Synced", "True", "ReconcileSuccess")}

    def scale(self, replicas: int) -> None:
        """Do what a HorizontalPodAutoscaler does, which looks so seldom that its last change is seen by then."""
        deployment = self.objects.get("deployment")
        if not deployment or "scaler" not in self.objects or not _is_seen(deployment):
            return
        if deployment["spec"].get("replicas") != replicas:
            deployment["spec"]["replicas"] = replicas
            deployment["metadata"]["generation"] += 1

    def settle(self, calls: int = 40) -> fnv1.RunFunctionResponse:
        """Let everything go on until neither the cluster nor the answer changes any more."""
        for _ in range(calls):
            before = self._kept()
            answer = self.reconcile()
            self.tick()
            if self._kept() == before:
                return answer
        raise AssertionError("it never settles")

    def _kept(self) -> str:
        return json.dumps((self.objects, self.wrapped, self.status), sort_keys=True)

    def conditions(self, kind: str) -> list[str]:
        """What a condition was, call by call; Ready is what Crossplane makes of the answer."""
        if kind == "Ready":
            return [str(self.is_ready(answer)) for answer in self.history]
        return [STATUS[each.status] for answer in self.history for each in answer.conditions if each.type == kind]

    def request(self, required: Document) -> fnv1.RunFunctionRequest:
        """What Crossplane sends."""
        request = fnv1.RunFunctionRequest(meta={"tag": "t", "capabilities": self.crossplane.capabilities})
        request.observed.composite.resource.update(self.crossplane.composite(self._claim()) | {"status": self.status})
        for key, composed in (self.wrapped if self.crossplane.wraps else self.objects).items():
            request.observed.resources[key].resource.update(composed)
        for name, found in required.items():
            for shown in (request.extra_resources, request.required_resources)[: 1 if self.crossplane.extra else 2]:
                shown[name].SetInParent()
                for document in found:
                    shown[name].items.add().resource.update(document)
        if options := self.options or self.crossplane.package.options:
            request.input.update(options)
        return request

    def is_ready(self, answer: fnv1.RunFunctionResponse) -> bool:
        """Whether Crossplane would make the composite Ready."""
        if self.crossplane.reads_ready and answer.desired.composite.ready != fnv1.READY_UNSPECIFIED:
            return answer.desired.composite.ready == fnv1.READY_TRUE
        return all(it.ready == fnv1.READY_TRUE for it in answer.desired.resources.values())

    def _claim(self) -> Document:
        metadata = {"name": self.name, "namespace": self.namespace, "generation": 1}
        return {
            "apiVersion": "platform.bizmatters.io/v1alpha1",
            "kind": "AgentExecutor",
            "metadata": metadata,
            "spec": self.spec,
        }

    def _asked(self, answer: fnv1.RunFunctionResponse) -> Document:
        """Crossplane 1.x knows no namespaces of what it is asked for, and nothing of the newer field."""
        asked = MessageToDict(answer.requirements)
        if self.crossplane.extra:
            assert "resources" not in asked
            assert all("namespace" not in selector for selector in asked.get("extraResources", {}).values())
        return {**asked.get("extraResources", {}), **asked.get("resources", {})}

    def _apply(self, answer: fnv1.RunFunctionResponse) -> None:
        composed = self.wrapped if self.crossplane.wraps else self.objects
        for key in composed.keys() - answer.desired.resources.keys():
            self.withdrawn.append(key.removeprefix(PREFIX))
            del composed[key]
            self.objects.pop(key.removeprefix(PREFIX), None)
        for key, desired in answer.desired.resources.items():
            composed[key] = self._composed(key, MessageToDict(desired.resource))
        status: Document = MessageToDict(answer.desired.composite.resource).get("status", {})
        said = [{"type": it.type, "status": STATUS[it.status], "reason": it.reason} for it in answer.conditions]
        self.status = {**status, "conditions": [] if self.crossplane.beta else said}

    def _composed(self, key: str, document: Document) -> Document:
        if not self.crossplane.wraps:
            self._expect_definition(key, document)
            return _applied(document, self.objects.get(key))
        defaults = {"deletionPolicy": "Delete", **({"watch": False} if self.crossplane.watches else {})}
        assert self.crossplane.watches or "watch" not in document["spec"]
        assert "namespace" not in document["metadata"]
        return _applied({**document, "spec": {**defaults, **document["spec"]}}, self.wrapped.get(key))

    def _expect_definition(self, key: str, document: Document) -> None:
        definition = DEFINED_BY.get(document["kind"])
        assert key in self.objects or definition in {None, *self.definitions}, "one unknown kind blocks all"

    def _found(self, selector: Document) -> Iterator[Document]:
        name = selector["matchName"]
        if selector["kind"] == "CustomResourceDefinition" and name in self.definitions:
            versions = [{"name": version, "served": True} for version in VERSIONS]
            yield {"metadata": {"name": name}, "spec": {"versions": versions}}
        if selector["kind"] == "Secret" and name in self.secrets and selector["namespace"] == self.namespace:
            yield {"metadata": {"name": name}, "data": dict.fromkeys(self.secrets[name], CANARY)}

    def _named(self) -> tuple[Secret, ...]:
        return used(parse(self.name, self.namespace, self.spec))


DEFINED_BY = dict(
    zip(
        ("ScaledObject", "ExternalSecret", "PodMonitor", "PrometheusRule"),
        (it.definition for it in operators.ALL),
        strict=True,
    )
)
CANARY = "Y2FuYXJ5LXZhbHVl"


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


def _copied(value: Any) -> Any:
    """A deep copy, as JSON several times faster than by walking it."""
    return json.loads(json.dumps(value))


def _is_seen(composed: Document) -> bool:
    return bool(composed.get("status", {}).get("observedGeneration") == composed["metadata"]["generation"])


def _rest(_: Document, __: SimulatedCluster) -> None:
    """A kind that has no controller."""


def _script(*statuses: Document) -> Callable[[Document, SimulatedCluster], None]:
    """One status after the other; the last one stays."""

    def step(composed: Document, _: SimulatedCluster) -> None:
        at = statuses.index(composed["status"]) if composed.get("status") in statuses else -1
        composed["status"] = statuses[min(at + 1, len(statuses) - 1)]

    return step


def _said(kind: str, status: str, reason: str = "", message: str = "") -> Document:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


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
