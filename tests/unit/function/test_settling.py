"""A small cluster: what is desired is observed at the next call, with statuses from a script."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.compose import KEDA
from function.fn import run

COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
SERVES = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
SCALES = {"conditions": [{"type": "Ready", "status": "True", "reason": "ScaledObjectReady"}]}

# What a kind goes through, one status per call; the last one stays.
SCRIPT: dict[str, list[dict[str, Any]]] = {
    "Job": [{}, {"active": 1}, {"active": 1, "failed": 1}, COMPLETE],
    "Deployment": [{}, {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}, SERVES],
    "ScaledObject": [{}, SCALES],
}
STEPS = {"service-account", "streams", "deployment", "service", "scaler"}


@pytest.mark.parametrize(("keda", "steps"), [(True, STEPS), (False, STEPS - {"scaler"})])
def test_a_claim_settles_ready_and_nothing_is_withdrawn_on_the_way(*, keda: bool, steps: set[str]) -> None:
    answers = list(calls(keda=keda))
    kept = [set(answer.desired.resources) for answer in answers]
    assert all(before <= after for before, after in itertools.pairwise(kept))
    assert {key.rpartition("-")[0] if key.startswith("streams") else key for key in kept[-1]} == steps
    assert all(desired.ready == fnv1.READY_TRUE for desired in answers[-1].desired.resources.values())
    assert answers[-1].desired.composite.ready == fnv1.READY_UNSPECIFIED


def test_a_condition_that_became_true_stays_true() -> None:
    for kind in ("StreamsReady", "Deployed", "Scaling"):
        said = [each.status for answer in calls(keda=True) for each in answer.conditions if each.type == kind]
        assert said == sorted(said, reverse=True)  # False is 3 and True is 2
        assert said[-1] == fnv1.STATUS_CONDITION_TRUE


def test_the_same_request_gives_the_same_bytes() -> None:
    once, again = ([serialized(answer) for answer in calls(keda=True)] for _ in range(2))
    assert once == again


def calls(*, keda: bool) -> Iterator[fnv1.RunFunctionResponse]:
    """Every answer until neither the cluster nor the answer changes any more."""
    request, ages, previous = first_request(keda=keda), dict[str, int](), None
    for _ in range(30):
        before = fnv1.RunFunctionRequest.FromString(request.SerializeToString())
        answer = run(request)
        yield answer
        observe(request, answer, ages)
        if (before, previous) == (request, answer):
            return
        previous = answer
    pytest.fail("it never settles")


def first_request(*, keda: bool) -> fnv1.RunFunctionRequest:
    request = fnv1.RunFunctionRequest()
    metadata = {"name": "support", "namespace": "team-a"}
    request.observed.composite.resource.update({"metadata": metadata, "spec": {"image": "app"}})
    request.required_resources[KEDA].SetInParent()
    if keda:
        request.required_resources[KEDA].items.add().resource.update({"metadata": {"name": KEDA}})
    return request


def observe(request: fnv1.RunFunctionRequest, answer: fnv1.RunFunctionResponse, ages: dict[str, int]) -> None:
    for key, desired in answer.desired.resources.items():
        script = SCRIPT.get(desired.resource.fields["kind"].string_value, [{}])
        age = ages[key] = ages.get(key, -1) + 1
        observed = request.observed.resources[key].resource
        observed.CopyFrom(desired.resource)
        observed.fields["metadata"].struct_value.update({"generation": 1})
        observed.update({"status": script[min(age, len(script) - 1)]})


def serialized(answer: fnv1.RunFunctionResponse) -> bytes:
    return answer.SerializeToString(deterministic=True)
