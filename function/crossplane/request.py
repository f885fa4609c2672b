"""The request, read into values: the few fields that decisions need, and nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.struct_pb2 import Struct, Value

from function.claim import xr
from function.composition import conditions, operators
from function.composition.observed import Cluster, Observed
from function.crossplane import options, worlds
from function.crossplane.options import Options
from function.crossplane.structs import at, plain, text
from function.crossplane.targets import APPLIED, ASKED, MANIFEST, PREFIX
from function.crossplane.worlds import Caller, World

SECRET = "Secret/"  # noqa: S105 - how a requirement begins that a Secret meets
CLAIMS_REMEMBERED = 256
LARGEST_REMEMBERED = 16 * 1024  # bytes of a spec


def read_options(request: fnv1.RunFunctionRequest) -> Options:
    """The Composition's input; raises InvalidInput."""
    given = {name: plain(value) for name, value in request.input.fields.items()}
    return options.parse(given)


def read_world(request: fnv1.RunFunctionRequest, options: Options) -> World:
    """Who calls, and what follows from it; raises InvalidInput."""
    world = worlds.decide(_caller(request), options)
    worlds.refuse_to_lose(world, _composed_otherwise(request, world))
    return world


def read_agent(request: fnv1.RunFunctionRequest, world: World) -> xr.Agent:
    """The claim; raises InvalidClaim."""
    spec = Value()
    if (said := request.observed.composite.resource.fields.get("spec")) is not None:
        spec.CopyFrom(said)
    for field in world.machinery & spec.struct_value.fields.keys():
        del spec.struct_value.fields[field]
    read = _remembered if spec.ByteSize() <= LARGEST_REMEMBERED else _claim
    return read(world, spec.SerializeToString(deterministic=True))


def read_composite(request: fnv1.RunFunctionRequest, world: World) -> Observed:
    """The composite as the last call left it."""
    composite = _observed(request.observed.composite.resource)
    return replace(composite, status=conditions.remembered(composite.status)) if world.legacy else composite


def read_cluster(request: fnv1.RunFunctionRequest, world: World, secrets: Iterable[str] | None) -> Cluster:
    """What Crossplane shows of composed resources, of definitions and, where they are asked for, of Secrets by name."""
    return Cluster(
        resources=dict(_resources(request, world.target.prefix)),
        definitions=dict(_definitions(request, world)),
        secrets=None if secrets is None or not world.shows_secrets else dict(_secrets(request, secrets)),
    )


def _claim(world: World, spec: bytes) -> xr.Agent:
    return xr.parse(world.name, world.namespace, plain(Value.FromString(spec)))


# A claim is kept with all that follows from it alone, manifests and their encodings: about 80 KB of memory.
_remembered = lru_cache(maxsize=CLAIMS_REMEMBERED)(_claim)


def _caller(request: fnv1.RunFunctionRequest) -> Caller:
    composite, known = request.observed.composite.resource, request.meta.capabilities
    metadata, claim = at(composite, "metadata"), at(composite, "spec", "claimRef")
    return Caller(
        name=text(metadata, "name"),
        namespace=text(metadata, "namespace"),
        claim=(text(claim, "name"), text(claim, "namespace")),
        says_what_it_can=bool(known),
        answers=not known or fnv1.CAPABILITY_REQUIRED_RESOURCES in known,
        watches=any(
            "watch" in at(resource.resource, "spec").fields
            for key, resource in request.observed.resources.items()
            if key.startswith(PREFIX)
        ),
    )


def _composed_otherwise(request: fnv1.RunFunctionRequest, world: World) -> Iterator[str]:
    """The resources of ours that go the other way into the cluster, and would take with them what they hold."""
    for key, resource in request.observed.resources.items():
        if key.startswith(PREFIX) == bool(world.target.prefix):
            continue
        metadata, spec = at(resource.resource, "metadata"), at(resource.resource, "spec")
        ours = text(at(metadata, "labels"), "app.kubernetes.io/name") == "agent-executor"
        if ours and text(spec, "deletionPolicy") != "Orphan":
            yield text(metadata, "name")


def _resources(request: fnv1.RunFunctionRequest, prefix: str) -> Iterator[tuple[str, Observed]]:
    """What is composed, by the keys that it has whichever way it goes into the cluster."""
    for key, resource in request.observed.resources.items():
        if key.startswith(prefix):
            yield key.removeprefix(prefix), (_in_object if prefix else _observed)(resource.resource)


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


def _in_object(resource: Struct) -> Observed:
    """The resource as the Object's provider last saw it.

    Until it has applied what the Object holds now, that is a generation ahead of everything that was seen.
    """
    asked, found = at(resource, *MANIFEST), at(resource, *APPLIED)
    observed = _observed(found)
    if found.fields and _digest(asked) == _digest(found):
        return observed
    synced = _observed(resource).condition("Synced")
    return replace(
        observed,
        name=text(at(asked, "metadata"), "name"),
        generation=observed.generation + 1,
        there=bool(found.fields),
        refusal=synced.message or synced.reason if synced.status == "False" else "",
    )


def _digest(manifest: Struct) -> str:
    return text(at(manifest, "metadata", "annotations"), ASKED)


def _shown(request: fnv1.RunFunctionRequest, world: World) -> Mapping[str, fnv1.Resources]:
    return request.extra_resources if world.extra else request.required_resources


def _definitions(request: fnv1.RunFunctionRequest, world: World) -> Iterator[tuple[str, frozenset[str]]]:
    shown = _shown(request, world)
    for name in (operator.definition for operator in operators.ALL):
        if name in shown:
            yield name, frozenset(_served(shown[name]))
        elif not world.answers:
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
