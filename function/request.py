"""The request, read into values: the few fields that decisions need, and nothing else."""

from collections.abc import Iterable, Iterator

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.struct_pb2 import Struct

from function import operators, options, xr
from function.observed import Cluster, Observed
from function.options import Options
from function.structs import at, plain, text
from function.targets import Target

SECRET = "Secret/"  # noqa: S105 - how a requirement begins that a Secret meets


def read_options(request: fnv1.RunFunctionRequest) -> Options:
    """The Composition's input; raises InvalidInput."""
    given = {name: plain(value) for name, value in request.input.fields.items()}
    return options.parse(given)


def read_agent(request: fnv1.RunFunctionRequest) -> xr.Agent:
    """The claim; raises InvalidClaim."""
    composite = request.observed.composite.resource
    metadata = at(composite, "metadata")
    return xr.parse(text(metadata, "name"), text(metadata, "namespace"), plain(composite.fields.get("spec")))


def read_composite(request: fnv1.RunFunctionRequest) -> Observed:
    """The composite as the last call left it."""
    return _observed(request.observed.composite.resource)


def read_cluster(request: fnv1.RunFunctionRequest, target: Target, secrets: Iterable[str] | None) -> Cluster:
    """What Crossplane shows of composed resources, of definitions and, where they are asked for, of Secrets by name."""
    return Cluster(
        resources={
            key: _observed(at(resource.resource, *target.path)) for key, resource in request.observed.resources.items()
        },
        definitions=dict(_definitions(request)),
        secrets=None if secrets is None or not may_require(request) else dict(_secrets(request, secrets)),
    )


def may_require(request: fnv1.RunFunctionRequest) -> bool:
    """Whether Crossplane answers requirements: since 2.2 it says so, before that it does."""
    known = request.meta.capabilities
    return not known or fnv1.CAPABILITY_REQUIRED_RESOURCES in known


def _observed(resource: Struct) -> Observed:
    """Most of an observed object is managedFields, which no decision needs."""
    metadata, status = at(resource, "metadata"), plain(resource.fields.get("status"))
    generation, replicas = metadata.fields.get("generation"), at(resource, "spec").fields.get("replicas")
    asked = plain(replicas)
    return Observed(
        name=text(metadata, "name"),
        generation=int(generation.number_value) if generation is not None else 0,
        replicas=asked if isinstance(asked, int) else None,
        status=status if isinstance(status, dict) else {},
    )


def _definitions(request: fnv1.RunFunctionRequest) -> Iterator[tuple[str, frozenset[str]]]:
    for name in (operator.definition for operator in operators.ALL):
        if name in request.required_resources:
            yield name, frozenset(_served(request.required_resources[name]))
        elif not may_require(request):
            yield name, frozenset()


def _served(found: fnv1.Resources) -> Iterator[str]:
    """The versions that a definition serves. Its schemas, which are long, are passed by."""
    for item in found.items:
        versions = at(item.resource, "spec").fields.get("versions")
        for version in versions.list_value.values if versions is not None else ():
            if (served := version.struct_value.fields.get("served")) is not None and served.bool_value:
                yield text(version.struct_value, "name")


def _secrets(request: fnv1.RunFunctionRequest, names: Iterable[str]) -> Iterator[tuple[str, frozenset[str] | None]]:
    for name in names:
        if SECRET + name in request.required_resources:
            yield name, _keys(request.required_resources[SECRET + name])


def _keys(found: fnv1.Resources) -> frozenset[str] | None:
    """The keys that have a value; the values stay where they are."""
    for item in found.items:
        data = at(item.resource, "data").fields
        return frozenset(key for key, value in data.items() if value.string_value)
    return None
