"""The whole response, for requests that Crossplane sends."""

from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict, ParseDict

from function.claim.xr import parse
from function.composition.resources import network_policy
from function.fn import run

KEDA = "scaledobjects.keda.sh"
CLAIM = "TARGET_COMPOSITE_AND_CLAIM"
INPUT = {"apiVersion": "agentexecutor.fn.platform.bizmatters.io/v1alpha1", "kind": "Input"}
DEFINITIONS = (KEDA, "podmonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com")
SECRETS = ("support-dragonfly", "support-llm-keys", "support-postgres")
REQUIREMENTS = {
    "resources": {
        name: {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "matchName": name}
        for name in DEFINITIONS
    }
    | {
        f"Secret/{name}": {"apiVersion": "v1", "kind": "Secret", "matchName": name, "namespace": "team-a"}
        for name in SECRETS
    }
}
WAITING = [
    {
        "type": kind,
        "status": "STATUS_CONDITION_FALSE",
        "reason": "Waiting",
        "message": message,
        "target": CLAIM,
    }
    for kind, message in (
        ("SecretsReady", "Not known yet: support-postgres, support-dragonfly, support-llm-keys"),
        ("StreamsReady", "Waiting for service-account, network-policy, secrets"),
        ("Deployed", "Waiting for service-account, network-policy, secrets, streams"),
        ("Scaling", "Waiting for streams, deployment"),
    )
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
POLICY = network_policy.build(parse("support", "team-a", {"image": "app"}))
FIRST = ("ServiceAccount/support", "NetworkPolicy/support")


SERVES = {"spec": {"versions": [{"name": "v1alpha1", "served": True}]}}


def test_the_first_call_composes_the_first_step_and_says_what_the_others_wait_for() -> None:
    assert answer(request(keda=[SERVES])) == {
        "meta": {"tag": "t", "ttl": "60s"},
        "context": {},
        "desired": {
            "composite": {"resource": {"status": {"waitingFor": [*FIRST]}}},
            "resources": {
                "service-account": {"resource": ACCOUNT, "ready": "READY_FALSE"},
                "network-policy": {"resource": POLICY, "ready": "READY_FALSE"},
            },
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
    }


def test_what_earlier_functions_of_the_pipeline_desire_is_kept() -> None:
    """Whatever they desire under a key of ours gives way."""
    theirs = {"resource": {"apiVersion": "v1", "kind": "ConfigMap"}, "ready": "READY_TRUE"}
    before = request(
        desired={
            "composite": {"resource": {"status": {"theirs": 1.0}}},
            "resources": {"theirs": theirs, "service-account": theirs},
        }
    )
    desired = answer(before)["desired"]
    assert desired["resources"]["theirs"] == theirs
    assert desired["resources"]["service-account"] == {"resource": ACCOUNT, "ready": "READY_FALSE"}
    assert desired["composite"]["resource"]["status"] == {"theirs": 1.0, "waitingFor": [*FIRST]}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"keda": [SERVES]}, "Waiting"),
        ({"keda": [{}]}, "KedaNotInstalled"),
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


def test_where_crossplane_answers_no_requirements_secrets_are_not_checked_and_none_is_asked_for() -> None:
    answered = answer(request(capabilities=["CAPABILITY_CAPABILITIES"]))
    (secrets,) = (each for each in answered["conditions"] if each["type"] == "SecretsReady")
    assert (secrets["status"], secrets["reason"]) == ("STATUS_CONDITION_UNKNOWN", "NotChecked")
    assert {*answered["requirements"]["resources"]} == {*DEFINITIONS}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**INPUT, "compose": "Objects"}, "input.compose: must be Native for a composite in a namespace"),
        ({**INPUT, "compose": "Wrapped"}, "input.compose: must be 'Native' or 'Objects'"),
        ({**INPUT, "checkSecrets": "no"}, "input.checkSecrets: must be true or false"),
        ({**INPUT, "extra": 1}, "input.extra: is not a known field"),
        ({"kind": "Other"}, "input: must be of apiVersion"),
    ],
)
def test_an_input_that_cannot_be_followed_is_refused(given: dict[str, Any], words: str) -> None:
    asked = request()
    asked.input.update(given)
    (result,) = answer(asked)["results"]
    assert (result["severity"], result["reason"]) == ("SEVERITY_FATAL", "InvalidInput")
    assert result["message"].startswith(words)


def test_a_condition_that_changed_is_told_and_one_that_did_not_is_not() -> None:
    asked = request(keda=[], spec={"image": "app"})
    once = answer(asked)
    assert [result["message"] for result in once["results"]] == [
        "Scaling is False: The cluster has no scaledobjects.keda.sh; the service runs with one replica"
    ]
    conditions = [{"type": "Scaling", "status": "False", "reason": "KedaNotInstalled"}]
    asked.observed.composite.resource.update({"status": {"conditions": conditions}})
    assert "results" not in answer(asked)


@pytest.mark.parametrize("broken", [{}, {"metadata": 1}, {"metadata": {"generation": "x"}, "spec": [], "status": "up"}])
def test_a_malformed_observed_resource_is_kept_and_judged_by_what_it_has(broken: dict[str, Any]) -> None:
    asked = request(
        resources={"service-account": {"resource": {}}, "deployment": {"resource": broken}},
    )
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
