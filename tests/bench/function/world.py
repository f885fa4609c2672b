"""The request that is measured: a settled claim with its Secrets from a store, as Crossplane sends it."""

import itertools
from collections.abc import Iterator
from typing import Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from tests.unit.function.simulation import SimulatedCluster

OBJECTS = 14
BYTES = 30_000
SPEC = {
    "image": "registry.example/team/agent-executor:v1",
    "imagePullSecrets": ["registry"],
    "secretStore": {"name": "store", "prefix": "/team/support"},
}


def request() -> fnv1.RunFunctionRequest:
    """14 observed resources, 30 KB: ours and those of another function, with the managedFields that most of it is."""
    cluster = SimulatedCluster(SPEC)
    cluster.settle()
    for number in range(OBJECTS - len(cluster.objects)):
        cluster.objects[f"theirs-{number}"] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}}
    asked = cluster.request({})
    size = 0
    while asked.ByteSize() < BYTES:
        size += 1
        for composed in cluster.objects.values():
            composed["metadata"]["managedFields"] = [_manager(number) for number in range(size)]
        asked = cluster.request(_required(cluster))
    return asked


def unchanged(asked: fnv1.RunFunctionRequest) -> Iterator[bytes]:
    """The same world again and again."""
    return itertools.repeat(asked.SerializeToString())


def changed(asked: fnv1.RunFunctionRequest) -> Iterator[bytes]:
    """The same claim, and another Deployment each time."""
    metadata = asked.observed.resources["deployment"].resource.get_or_create_struct("metadata")
    for number in itertools.count():
        metadata["resourceVersion"] = str(number)
        yield asked.SerializeToString()


def others(asked: fnv1.RunFunctionRequest) -> Iterator[bytes]:
    """Another claim each time."""
    metadata = asked.observed.composite.resource.get_or_create_struct("metadata")
    for number in itertools.count():
        metadata["name"] = f"claim-{number}"
        yield asked.SerializeToString()


def _manager(number: int) -> dict[str, Any]:
    owned: dict[str, Any] = {f"f:field-{field}": {".": {}, "f:inner": {}} for field in range(3)}
    return {"manager": f"m{number}", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": owned}}


def _required(cluster: SimulatedCluster) -> dict[str, Any]:
    return {f"Secret/{name}": [{"data": dict.fromkeys(keys, "eA==")}] for name, keys in cluster.secrets.items()}
