"""A claim answered by the function alone, over gRPC: what `tools.rendering` asks through the crossplane CLI."""

from collections.abc import Sequence
from pathlib import Path

import grpc
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1.run_function_pb2_grpc import FunctionRunnerServiceStub
from google.protobuf.json_format import MessageToDict

from function.request import SECRET
from tools.rendering import ALL_READY, Document, RenderError, World

KEY = "crossplane.io/composition-resource-name"


def grow(claim: Path, address: str, world: World = ALL_READY) -> list[Document]:
    """Call again and again with what was composed as observed; the composite comes first."""
    observed: list[Document] = []
    for _ in range(world.calls):
        rendered = render(claim, address, observed, world)
        seen = [world.observe(document) for document in rendered[1:]]
        if seen == observed:
            break
        observed = seen
    return rendered


def render(claim: Path, address: str, observed: Sequence[Document] = (), world: World = ALL_READY) -> list[Document]:
    """One call of the function that listens at `address`; RenderError with the message of a fatal result."""
    composite: Document = yaml.safe_load(claim.read_text())
    with grpc.insecure_channel(address) as channel:
        function = FunctionRunnerServiceStub(channel)  # type: ignore[no-untyped-call]  # gRPC's generated code
        answer = function.RunFunction(_request(composite, observed, world), timeout=10)
    if fatal := [result.message for result in answer.results if result.severity == fnv1.SEVERITY_FATAL]:
        raise RenderError("; ".join(fatal))
    return [composite | {"status": _status(answer)}, *_composed(answer)]


def _request(composite: Document, observed: Sequence[Document], world: World) -> fnv1.RunFunctionRequest:
    request = fnv1.RunFunctionRequest()
    request.observed.composite.resource.update(composite)
    for document in observed:
        request.observed.resources[document["metadata"]["annotations"][KEY]].resource.update(document)
    for document in world.holds(composite):
        name = document["metadata"]["name"]
        requirement = f"{SECRET}{name}" if document["kind"] == "Secret" else name
        request.required_resources[requirement].items.add().resource.update(document)
    return request


def _composed(answer: fnv1.RunFunctionResponse) -> list[Document]:
    return [_named(key, MessageToDict(desired.resource)) for key, desired in sorted(answer.desired.resources.items())]


def _named(key: str, document: Document) -> Document:
    metadata = document["metadata"]
    return document | {"metadata": metadata | {"annotations": metadata.get("annotations", {}) | {KEY: key}}}


def _status(answer: fnv1.RunFunctionResponse) -> Document:
    """What the composite's status will be: Ready is Crossplane's to say, and it says so when all resources are."""
    ready = all(desired.ready == fnv1.READY_TRUE for desired in answer.desired.resources.values())
    told = {each.type: each.status == fnv1.STATUS_CONDITION_TRUE for each in answer.conditions} | {"Ready": ready}
    return {"conditions": [{"type": kind, "status": str(status)} for kind, status in told.items()]}
