"""A claim that may sleep, and asks for what only HTTP gives: it is told so, once."""

from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict

from tests.unit.function.simulation import SimulatedCluster
from tools.crossplanes import CROSSPLANES

ISSUER = {"issuer": "https://login.example", "audience": "agents", "jwksUrl": "https://login.example/keys"}
ASLEEP: dict[str, Any] = {
    "image": "app",
    "scaling": {"minReplicas": 0},
    "agents": {"configMaps": ["prompts"]},
    "auth": {"issuers": [ISSUER]},
}
WORDS = (
    "At zero replicas nothing answers over HTTP, which spec.agents.configMaps and spec.auth.issuers ask for: "
    "spec.scaling.minReplicas is 0"
)


@pytest.mark.parametrize("version", ["1.16", "2.0", "2.3"])
def test_it_is_told_once_stays_ready_and_is_told_when_it_is_over(version: str) -> None:
    cluster = SimulatedCluster(ASLEEP, CROSSPLANES[version])
    assert said(cluster.reconcile()) == [("False", "SleepsAtZero", WORDS)]
    assert cluster.is_ready(cluster.settle())
    assert events(cluster) == [("SEVERITY_WARNING", f"Reachable is False: {WORDS}")]
    cluster.spec = {**ASLEEP, "scaling": {"minReplicas": 1}}
    assert said(cluster.settle()) == [("True", "NeverSleeps", "")]
    cluster.spec = {"image": "app", "scaling": {"minReplicas": 0}}
    assert said(cluster.settle()) == [("True", "NotAskedFor", "")]
    assert [severity for severity, _ in events(cluster)][1:] == ["SEVERITY_NORMAL", "SEVERITY_NORMAL"]


@pytest.mark.parametrize(
    "spec",
    [
        {"image": "app"},
        {"image": "app", "scaling": {"minReplicas": 0}},
        {"image": "app", "scaling": {"minReplicas": 0}, "agents": {"inline": False}},
    ],
)
def test_a_claim_that_asks_for_nothing_of_it_hears_nothing_of_it(spec: dict[str, Any]) -> None:
    assert said(SimulatedCluster(spec).settle()) == []


def said(answer: fnv1.RunFunctionResponse) -> list[tuple[str, str, str]]:
    return [
        (STATUS[condition.status], condition.reason, condition.message)
        for condition in answer.conditions
        if condition.type == "Reachable"
    ]


def events(cluster: SimulatedCluster) -> list[tuple[str, str]]:
    results = [MessageToDict(result) for answer in cluster.history for result in answer.results]
    return [(it["severity"], it["message"]) for it in results if it["message"].startswith("Reachable")]


STATUS = {fnv1.STATUS_CONDITION_TRUE: "True", fnv1.STATUS_CONDITION_FALSE: "False"}
