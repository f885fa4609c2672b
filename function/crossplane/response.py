"""The response, written from values."""

from collections.abc import Iterable, Mapping
from typing import Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.struct_pb2 import Struct

from function.composition.conditions import Condition, News
from function.composition.manifest import Manifest
from function.composition.observed import UNKNOWN
from function.composition.operators import Operator
from function.composition.steps import Outcome, Outcomes
from function.crossplane.request import SECRET
from function.crossplane.structs import write
from function.crossplane.targets import Target
from function.crossplane.worlds import World

CLAIM = fnv1.TARGET_COMPOSITE_AND_CLAIM
STATUS = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    UNKNOWN: fnv1.STATUS_CONDITION_UNKNOWN,
}


def require_definitions(answer: fnv1.RunFunctionResponse, world: World, operators: Iterable[Operator]) -> None:
    """Ask for the definitions of operators."""
    for operator in operators:
        asked = answer.requirements.extra_resources if world.extra else answer.requirements.resources
        selector = asked[operator.definition]
        selector.api_version, selector.kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
        selector.match_name = operator.definition


def require_secrets(answer: fnv1.RunFunctionResponse, namespace: str, secrets: Iterable[str]) -> None:
    """Ask for Secrets of one namespace by name."""
    for name in secrets:
        selector = answer.requirements.resources[SECRET + name]
        selector.api_version, selector.kind = "v1", "Secret"
        selector.match_name, selector.namespace = name, namespace


def refuse(answer: fnv1.RunFunctionResponse, refusal: Condition) -> None:
    """Say it twice: a fatal result reaches the composite's events only, the condition reaches the claim."""
    answer.results.append(
        fnv1.Result(severity=fnv1.SEVERITY_FATAL, message=refusal.message, reason=refusal.reason, target=CLAIM)
    )
    write_conditions(answer, [refusal])


def write_resources(answer: fnv1.RunFunctionResponse, outcomes: Outcomes, world: World, *, wait: bool) -> None:
    """Write what is composed, in place of what an earlier function may desire under the same key."""
    for outcome in outcomes.values():
        if outcome.manifest:
            ready = outcome.verdict.ready
            desired = answer.desired.resources[world.target.prefix + outcome.key]
            desired.resource.Clear()
            _write_manifest(desired.resource, outcome, outcome.manifest, world.target)
            desired.ready = fnv1.READY_TRUE if ready else fnv1.READY_FALSE
    if wait:
        answer.desired.composite.ready = fnv1.READY_FALSE
        if world.legacy:
            desired.ready = fnv1.READY_FALSE


def _write_manifest(resource: Struct, outcome: Outcome, manifest: Manifest, target: Target) -> None:
    """Write it as it goes the way of the target: once by its fields, and as the same bytes from then on."""
    way = (target, outcome.verdict.ready)
    if (written := outcome.written.get(way)) is not None:
        resource.MergeFromString(written)
        return
    write(resource, target.place(outcome.key, manifest, ready=outcome.verdict.ready))
    outcome.written[way] = resource.SerializeToString()


def write_status(answer: fnv1.RunFunctionResponse, said: Mapping[str, Any]) -> None:
    """Add our fields to the status that earlier functions of the pipeline may have written."""
    write(answer.desired.composite.resource.get_or_create_struct("status"), said)


def write_conditions(answer: fnv1.RunFunctionResponse, said: Iterable[Condition]) -> None:
    """Write conditions that reach the claim."""
    for condition in said:
        answer.conditions.add(
            type=condition.type,
            status=STATUS[condition.status],
            reason=condition.reason,
            message=condition.message or None,
            target=CLAIM,
        )


def write_news(answer: fnv1.RunFunctionResponse, news: Iterable[News]) -> None:
    """Write results, which become events."""
    for item in news:
        severity = fnv1.SEVERITY_NORMAL if item.good else fnv1.SEVERITY_WARNING
        answer.results.add(severity=severity, message=item.message, reason=item.condition.reason, target=CLAIM)
