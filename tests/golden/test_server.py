"""The function's process seen from outside: both versions of its protocol, health, metrics."""

import urllib.request

import grpc
import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1beta1 import run_function_pb2 as fnv1beta1
from grpc_health.v1 import health_pb2

from tests.golden.conftest import Function

LIMIT_MB = 16


def test_health_answers_on_its_own_port(function: Function) -> None:
    request = health_pb2.HealthCheckRequest()
    answer = ask(function.health, "/grpc.health.v1.Health/Check", request, health_pb2.HealthCheckResponse)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_metrics_count_calls_by_outcome(function: Function) -> None:
    call(function, fnv1, fnv1.RunFunctionRequest())
    with urllib.request.urlopen(f"http://{function.metrics}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    counted = {line.split()[0] for line in lines if not line.startswith("#")}
    assert 'function_agent_executor_calls_total{outcome="refused"}' in counted
    assert "function_agent_executor_call_seconds_count" in counted


@pytest.mark.parametrize("messages", [fnv1, fnv1beta1], ids=["v1", "v1beta1"])
def test_both_versions_of_the_protocol_are_served(function: Function, messages) -> None:
    request = messages.RunFunctionRequest(meta={"tag": "t"})
    request.observed.composite.resource.update({"metadata": {"name": "a", "namespace": "b"}, "spec": {"image": "app"}})
    answer = call(function, messages, request)
    assert (answer.meta.tag, sorted(answer.desired.resources)) == ("t", ["service-account"])


def test_a_message_of_nearly_sixteen_megabytes_is_taken(function: Function) -> None:
    request = fnv1.RunFunctionRequest()
    request.observed.resources["large"].resource.update({"data": "x" * (LIMIT_MB - 1) * 1024 * 1024})
    assert call(function, fnv1, request).results[0].severity == fnv1.SEVERITY_FATAL


def call(function: Function, messages, request):
    path = f"/{messages.DESCRIPTOR.package}.FunctionRunnerService/RunFunction"
    return ask(function.address, path, request, messages.RunFunctionResponse)


def ask(address: str, path: str, request, reply):
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary(path, type(request).SerializeToString, reply.FromString)
        return method(request, timeout=10)
