"""What the function is measured against, served by the SDK: `python -m tests.bench.function.baselines NAME ADDRESS`.

`empty` answers with what it was sent: the floor. `naive` decides the same as ours, but converts every object to read it
and writes every object as the SDK does.
"""

import sys
from typing import Any

import grpc
from crossplane.function import resource, response, runtime
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function.claim import secrets, xr
from function.composition import operators
from function.composition.compose import compose
from function.composition.conditions import conditions, status
from function.composition.observed import Cluster, Observed
from function.crossplane import options
from function.crossplane.response import write_conditions

MEGABYTES = 16
Context = grpc.aio.ServicerContext[fnv1.RunFunctionRequest, fnv1.RunFunctionResponse]


class Empty(grpcv1.FunctionRunnerServiceServicer):
    """The least that a function can do."""

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: Context
    ) -> fnv1.RunFunctionResponse:
        """Answer one call."""
        return response.to(request)


class Naive(grpcv1.FunctionRunnerServiceServicer):
    """The straightforward way."""

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: Context
    ) -> fnv1.RunFunctionResponse:
        """Answer one call."""
        answer = response.to(request)
        composite = resource.struct_to_dict(request.observed.composite.resource)
        options.parse(resource.struct_to_dict(request.input))
        agent = xr.parse(composite["metadata"]["name"], composite["metadata"]["namespace"], _whole(composite["spec"]))
        cluster = _cluster(request, agent)
        outcomes = compose(agent, cluster)
        for outcome in outcomes.values():
            if outcome.manifest:
                resource.update(answer.desired.resources[outcome.key], outcome.manifest)
        resource.update_status(answer.desired.composite, status(agent, cluster, outcomes))
        write_conditions(answer, conditions(outcomes))
        return answer


def _cluster(request: fnv1.RunFunctionRequest, agent: xr.Agent) -> Cluster:
    observed = {key: resource.struct_to_dict(it.resource) for key, it in request.observed.resources.items()}
    return Cluster(
        resources={
            key: Observed(it["metadata"]["name"], 1, it.get("spec", {}).get("replicas"), _whole(it.get("status", {})))
            for key, it in observed.items()
        },
        definitions={it.definition: frozenset({"v1", "v1alpha1"}) for it in operators.ALL},
        secrets={it.name: frozenset(key for keys in it.needs for key in keys) for it in secrets.used(agent)},
    )


def _whole(value: Any) -> Any:
    """Protobuf has no whole numbers."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main() -> None:
    """Serve one of them."""
    name, address = sys.argv[1:]
    runner = {"empty": Empty, "naive": Naive}[name]()
    limit = MEGABYTES * 1024 * 1024
    sizes = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)]
    runtime.serve(runner, address, creds=None, insecure=True, options=sizes)  # type: ignore[arg-type]  # None is for none


if __name__ == "__main__":
    main()
