"""A claim answered by the function alone, over gRPC: what `tools.rendering` asks through the crossplane CLI.

The function is asked as any version of Crossplane would ask it, not only as the one that renders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import grpc
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1.run_function_pb2_grpc import FunctionRunnerServiceStub
from crossplane.function.proto.v1beta1.run_function_pb2_grpc import FunctionRunnerServiceStub as BetaStub
from google.protobuf.json_format import MessageToDict

from tools import rendering
from tools.crossplanes import CROSSPLANES, Crossplane, Document
from tools.rendering import ALL_READY, RenderError, World

KEY = "crossplane.io/composition-resource-name"
NEWEST = CROSSPLANES["2.3"]


def grow(claim: Path, address: str, world: World = ALL_READY, crossplane: Crossplane = NEWEST) -> list[Document]:
    """Call again and again with what was composed as observed; the composite comes first."""
    world = replace(world, watches=crossplane.watches)
    return rendering.grow(claim, address, world, partial(render, crossplane=crossplane))


def render(
    claim: Path,
    address: str,
    observed: Sequence[Document] = (),
    world: World = ALL_READY,
    crossplane: Crossplane = NEWEST,
) -> list[Document]:
    """One call of the function that listens at `address`; RenderError with the message of a fatal result."""
    document: Document = yaml.safe_load(claim.read_text())
    request = _request(document, observed, crossplane)
    with grpc.insecure_channel(address) as channel:
        stub = BetaStub if crossplane.beta else FunctionRunnerServiceStub
        function = stub(channel)
        _show(request, function.RunFunction(request, timeout=10).requirements, world.holds(document), crossplane)
        answer = fnv1.RunFunctionResponse.FromString(function.RunFunction(request, timeout=10).SerializeToString())
    if fatal := [result.message for result in answer.results if result.severity == fnv1.SEVERITY_FATAL]:
        raise RenderError("; ".join(fatal))
    return [crossplane.composite(document) | {"status": _status(answer, crossplane)}, *_composed(answer)]


def _request(claim: Document, observed: Sequence[Document], crossplane: Crossplane) -> fnv1.RunFunctionRequest:
    request = fnv1.RunFunctionRequest(meta={"capabilities": crossplane.capabilities})
    request.observed.composite.resource.update(crossplane.composite(claim))
    if options := crossplane.package.options:
        request.input.update(options)
    for document in observed:
        request.observed.resources[document["metadata"]["annotations"][KEY]].resource.update(document)
    return request


def _show(
    request: fnv1.RunFunctionRequest, asked: fnv1.Requirements, there: Iterable[Document], crossplane: Crossplane
) -> None:
    """Answer the function's requirements with what is there, as far as this version does."""
    known = {(document["kind"], document["metadata"]["name"]): document for document in there}
    pairs = ((asked.extra_resources, request.extra_resources), (asked.resources, request.required_resources))
    for selectors, shown in pairs[: 1 if crossplane.extra else 2]:
        for name, selector in selectors.items():
            shown[name].SetInParent()
            if document := known.get((selector.kind, selector.match_name)):
                shown[name].items.add().resource.update(document)


def _composed(answer: fnv1.RunFunctionResponse) -> list[Document]:
    return [_named(key, MessageToDict(desired.resource)) for key, desired in sorted(answer.desired.resources.items())]


def _named(key: str, document: Document) -> Document:
    metadata = document["metadata"]
    return document | {"metadata": metadata | {"annotations": metadata.get("annotations", {}) | {KEY: key}}}


def _status(answer: fnv1.RunFunctionResponse, crossplane: Crossplane) -> Document:
    """What the composite's status will be: Ready is Crossplane's to say, and it says so when all resources are."""
    waits = crossplane.reads_ready and answer.desired.composite.ready == fnv1.READY_FALSE
    ready = not waits and all(desired.ready == fnv1.READY_TRUE for desired in answer.desired.resources.values())
    kept = () if crossplane.beta else answer.conditions
    told = {each.type: each.status == fnv1.STATUS_CONDITION_TRUE for each in kept} | {"Ready": ready}
    said = [{"type": kind, "status": str(status)} for kind, status in told.items()]
    desired: Document = MessageToDict(answer.desired.composite.resource).get("status", {})
    return {**desired, "conditions": said}
