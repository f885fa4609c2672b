"""RunFunction: the request read into values, the decision written into the response. Only here is there protobuf."""

from collections.abc import Iterable
from typing import Any

import grpc
from crossplane.function import response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from google.protobuf import struct_pb2

from function import xr
from function.compose import DEFINITIONS, Outcomes, compose
from function.conditions import Condition, conditions, must_wait, refusal, status
from function.metrics import Metrics
from function.observed import Cluster, Observed
from function.targets import NATIVE, Target

Context = grpc.aio.ServicerContext[fnv1.RunFunctionRequest, fnv1.RunFunctionResponse]

CLAIM = fnv1.TARGET_COMPOSITE_AND_CLAIM


class FunctionRunner(grpcv1.FunctionRunnerServiceServicer):
    """The function as a gRPC service."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: Context
    ) -> fnv1.RunFunctionResponse:
        """Answer one call."""
        with self._metrics.call() as call:
            answer = run(request)
            call.outcome = "refused" if answer.results else "composed"
        return answer


def run(request: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Compose the resources of the observed composite, or refuse it with a fatal result."""
    answer = response.to(request)
    _require_definitions(answer)
    try:
        agent = _agent(request.observed.composite.resource)
    except xr.InvalidClaim as error:
        _refuse(answer, str(error))
        return answer
    cluster = _cluster(request, NATIVE)
    outcomes = compose(agent, cluster)
    _write_resources(answer, outcomes, NATIVE)
    _write_status(answer, status(agent, cluster, outcomes))
    _write_conditions(answer, conditions(outcomes))
    return answer


def _agent(composite: struct_pb2.Struct) -> xr.Agent:
    metadata = _at(composite, "metadata")
    return xr.parse(_text(metadata, "name"), _text(metadata, "namespace"), _plain(composite.fields.get("spec")))


def _cluster(request: fnv1.RunFunctionRequest, target: Target) -> Cluster:
    return Cluster(
        resources={
            key: _observed(_at(resource.resource, *target.path)) for key, resource in request.observed.resources.items()
        },
        definitions={name: found for name in DEFINITIONS if (found := _is_there(request, name)) is not None},
    )


def _observed(resource: struct_pb2.Struct) -> Observed:
    """Read what the decisions need and nothing else: most of an observed object is managedFields."""
    metadata, generation = _at(resource, "metadata"), _plain(_at(resource, "metadata").fields.get("generation"))
    replicas, found = _plain(_at(resource, "spec").fields.get("replicas")), _plain(resource.fields.get("status"))
    return Observed(
        name=_text(metadata, "name"),
        generation=generation if isinstance(generation, int) else 0,
        replicas=replicas if isinstance(replicas, int) else None,
        status=found if isinstance(found, dict) else {},
    )


def _is_there(request: fnv1.RunFunctionRequest, definition: str) -> bool | None:
    """Whether the cluster has the CustomResourceDefinition, None while Crossplane has not said."""
    if definition in request.required_resources:
        return bool(request.required_resources[definition].items)
    known = request.meta.capabilities
    return False if known and fnv1.CAPABILITY_REQUIRED_RESOURCES not in known else None


def _require_definitions(answer: fnv1.RunFunctionResponse) -> None:
    for name in DEFINITIONS:
        selector = answer.requirements.resources[name]
        selector.api_version = "apiextensions.k8s.io/v1"
        selector.kind = "CustomResourceDefinition"
        selector.match_name = name


def _refuse(answer: fnv1.RunFunctionResponse, message: str) -> None:
    """Say it twice: a fatal result reaches the composite's events only, the condition reaches the claim."""
    answer.results.append(
        fnv1.Result(severity=fnv1.SEVERITY_FATAL, message=message, reason="InvalidClaim", target=CLAIM)
    )
    _write_conditions(answer, [refusal(message)])


def _write_resources(answer: fnv1.RunFunctionResponse, outcomes: Outcomes, target: Target) -> None:
    for outcome in outcomes.values():
        if outcome.manifest:
            desired = answer.desired.resources[outcome.key]
            desired.resource.update(target.place(outcome.manifest))
            desired.ready = fnv1.READY_TRUE if outcome.verdict.ready else fnv1.READY_FALSE
    if must_wait(outcomes):
        answer.desired.composite.ready = fnv1.READY_FALSE


def _write_status(answer: fnv1.RunFunctionResponse, said: dict[str, Any]) -> None:
    """Add our fields to the status that earlier functions of the pipeline may have written."""
    answer.desired.composite.resource.get_or_create_struct("status").update(said)


def _write_conditions(answer: fnv1.RunFunctionResponse, said: Iterable[Condition]) -> None:
    for condition in said:
        answer.conditions.add(
            type=condition.type,
            status=fnv1.STATUS_CONDITION_TRUE if condition.status else fnv1.STATUS_CONDITION_FALSE,
            reason=condition.reason,
            message=condition.message or None,
            target=CLAIM,
        )


def _at(struct: struct_pb2.Struct, *path: str) -> struct_pb2.Struct:
    """The object at the path, an empty one where there is none."""
    for name in path:
        value = struct.fields.get(name)
        struct = value.struct_value if value is not None else struct_pb2.Struct()
    return struct


def _text(struct: struct_pb2.Struct, name: str) -> str:
    value = struct.fields.get(name)
    return value.string_value if value is not None else ""


def _plain(value: struct_pb2.Value | None) -> Any:
    """JSON as Python has it, whole numbers as int."""
    kind = value.WhichOneof("kind") if value is not None else None
    if value is None or kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return {key: _plain(inner) for key, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain(inner) for inner in value.list_value.values]
    if kind == "number_value" and value.number_value.is_integer():
        return int(value.number_value)
    return getattr(value, kind)
