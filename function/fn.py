"""RunFunction: the request read into values, the decision written into the response."""

from collections.abc import Sequence
from datetime import timedelta

from crossplane.function import response as sdk
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.claim import secrets
from function.claim.xr import Agent, InvalidClaim
from function.composition.compose import compose, operators_to_ask_about
from function.composition.conditions import conditions, must_wait, news, progress, reachable, refusal, status
from function.crossplane.options import InvalidInput
from function.crossplane.request import read_agent, read_cluster, read_composite, read_options, read_world
from function.crossplane.response import (
    refuse,
    require_definitions,
    require_secrets,
    write_conditions,
    write_news,
    write_resources,
    write_status,
)
from function.crossplane.worlds import World

# Crossplane calls again when something that it composed changes. Of a Secret that appears it hears nothing.
SOON = timedelta(seconds=15)
REFUSED = (InvalidClaim, InvalidInput)


def run(request: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Compose the resources of the observed composite, or refuse it with a fatal result."""
    answer = sdk.to(request)
    try:
        options = read_options(request)
        world = read_world(request, options)
        agent = read_agent(request, world)
    except REFUSED as error:
        refuse(answer, refusal(type(error).__name__, str(error)))
    else:
        named = sorted({secret.name for secret in secrets.used(agent)}) if options.check_secrets else None
        _compose(request, answer, world, agent, named)
    return answer


def _compose(
    request: fnv1.RunFunctionRequest,
    answer: fnv1.RunFunctionResponse,
    world: World,
    agent: Agent,
    named: Sequence[str] | None,
) -> None:
    cluster = read_cluster(request, world, named)
    outcomes = compose(agent, cluster)
    composite = read_composite(request, world)
    said = (*conditions(outcomes), *reachable(agent, composite))
    require_definitions(answer, world, operators_to_ask_about(agent, cluster))
    require_secrets(answer, agent.namespace, named if named and cluster.secrets is not None else ())
    write_resources(answer, outcomes, world, wait=must_wait(outcomes))
    write_status(answer, status(agent, cluster, outcomes))
    if world.legacy:
        write_status(answer, {"progress": progress(said)})
    write_conditions(answer, said)
    write_news(answer, news(said, composite))
    if outcomes["secrets"].lacks:
        answer.meta.ttl.FromTimedelta(SOON)
