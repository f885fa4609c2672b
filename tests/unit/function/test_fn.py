"""The whole response, for requests that Crossplane sends."""

from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict, ParseDict

from function.fn import run

KEDA = "scaledobjects.keda.sh"
CLAIM = "TARGET_COMPOSITE_AND_CLAIM"
REQUIREMENTS = {
    "resources": {
        KEDA: {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "matchName": KEDA}
    }
}
WAITING = [
    condition
    for kind, message in (
        ("StreamsReady", "Waiting for service-account"),
        ("Deployed", "Waiting for streams"),
        ("Scaling", "Waiting for streams and deployment"),
    )
    for condition in [
        {
            "type": kind,
            "status": "STATUS_CONDITION_FALSE",
            "reason": "Waiting",
            "message": message,
            "target": CLAIM,
        }
    ]
]
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {
        "name": "support",
        "namespace": "team-a",
        "labels": {
            "app.kubernetes.io/name": "agent-executor",
            "app.kubernetes.io/instance": "support",
            "app.kubernetes.io/component": "executor",
            "app.kubernetes.io/managed-by": "crossplane",
        },
    },
    "automountServiceAccountToken": False,
}


def test_the_first_call_composes_the_first_step_and_says_what_the_others_wait_for() -> None:
    assert answer(request(keda=[{}])) == {
        "meta": {"tag": "t", "ttl": "60s"},
        "context": {},
        "desired": {
            "composite": {"resource": {"status": {"waitingFor": ["ServiceAccount/support"]}}},
            "resources": {"service-account": {"resource": ACCOUNT, "ready": "READY_FALSE"}},
        },
        "conditions": WAITING,
        "requirements": REQUIREMENTS,
    }


def test_a_bad_claim_gets_a_fatal_result_and_a_condition_that_reach_the_claim() -> None:
    words = "spec.size: must be 'micro', 'small', 'medium' or 'large'"
    assert answer(request(spec={"image": "app", "size": "huge"})) == {
        "meta": {"tag": "t", "ttl": "60s"},
        "context": {},
        "desired": {},
        "results": [{"severity": "SEVERITY_FATAL", "message": words, "reason": "InvalidClaim", "target": CLAIM}],
        "conditions": [
            {
                "type": "Deployed",
                "status": "STATUS_CONDITION_FALSE",
                "reason": "InvalidClaim",
                "message": words,
                "target": CLAIM,
            }
        ],
        "requirements": REQUIREMENTS,
    }


def test_what_earlier_functions_of_the_pipeline_desire_is_kept() -> None:
    theirs = {"resource": {"apiVersion": "v1", "kind": "ConfigMap"}, "ready": "READY_TRUE"}
    before = request(desired={"composite": {"resource": {"status": {"theirs": 1.0}}}, "resources": {"theirs": theirs}})
    desired = answer(before)["desired"]
    assert desired["resources"]["theirs"] == theirs
    assert desired["composite"]["resource"]["status"] == {"theirs": 1.0, "waitingFor": ["ServiceAccount/support"]}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"keda": [{}]}, "Waiting"),
        ({"keda": []}, "KedaNotInstalled"),
        ({}, "Waiting"),
        ({"capabilities": ["CAPABILITY_CAPABILITIES", "CAPABILITY_REQUIRED_RESOURCES"]}, "Waiting"),
        ({"capabilities": ["CAPABILITY_CAPABILITIES"]}, "KedaNotInstalled"),
    ],
)
def test_whether_keda_is_there_is_what_crossplane_says_and_what_it_cannot_say_is_no(
    sent: dict[str, Any], reason: str
) -> None:
    (scaling,) = (each for each in answer(request(**sent))["conditions"] if each["type"] == "Scaling")
    assert scaling["reason"] == reason


@pytest.mark.parametrize("broken", [{}, {"metadata": 1}, {"metadata": {"generation": "x"}, "spec": [], "status": "up"}])
def test_a_malformed_observed_resource_is_kept_and_judged_by_what_it_has(broken: dict[str, Any]) -> None:
    asked = request(resources={"service-account": {"resource": {}}, "deployment": {"resource": broken}})
    desired = answer(asked)["desired"]["resources"]
    assert {key: desired[key]["ready"] for key in ("service-account", "deployment")} == {
        "service-account": "READY_TRUE",
        "deployment": "READY_FALSE",
    }


@pytest.mark.parametrize("composite", [{}, {"metadata": "x"}, {"metadata": {"name": "a", "namespace": "b"}}])
def test_a_malformed_composite_is_refused(composite: dict[str, Any]) -> None:
    asked = ParseDict({"observed": {"composite": {"resource": composite}}}, fnv1.RunFunctionRequest())
    assert answer(asked)["results"][0]["severity"] == "SEVERITY_FATAL"


def test_reading_a_request_leaves_it_as_it_was() -> None:
    asked, before = request(), request()
    run(asked)
    assert asked == before


def request(
    *,
    spec: dict[str, Any] | None = None,
    resources: dict[str, Any] | None = None,
    desired: dict[str, Any] | None = None,
    keda: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
) -> fnv1.RunFunctionRequest:
    composite = {"metadata": {"name": "support", "namespace": "team-a"}, "spec": spec or {"image": "app"}}
    required = {} if keda is None else {KEDA: {"items": [{"resource": item} for item in keda]}}
    return ParseDict(
        {
            "meta": {"tag": "t", "capabilities": capabilities or []},
            "observed": {"composite": {"resource": composite}, "resources": resources or {}},
            "desired": desired or {},
            "requiredResources": required,
        },
        fnv1.RunFunctionRequest(),
    )


def answer(asked: fnv1.RunFunctionRequest) -> dict[str, Any]:
    return MessageToDict(run(asked))
