"""The function's process seen from outside: both versions of its protocol, health, metrics."""

import queue
import signal
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1beta1 import run_function_pb2 as fnv1beta1
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest  # type: ignore[import-untyped]  # it has no stubs
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub  # type: ignore[import-untyped]  # it has no stubs

from function.fn import run
from tests.certificates import Authority, Mounted
from tests.golden.conftest import Function, serving
from tests.loopbacks import loopbacks

LIMIT_MB = 16


def test_health_answers_on_its_own_port(function: Function) -> None:
    request = health_pb2.HealthCheckRequest()
    answer = ask(function.health, "/grpc.health.v1.Health/Check", request, health_pb2.HealthCheckResponse)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_metrics_count_calls_by_outcome(function: Function) -> None:
    call(function, fnv1, fnv1.RunFunctionRequest())
    counted = {line.split()[0] for line in metrics_of(function) if not line.startswith("#")}
    assert 'function_agent_executor_calls_total{outcome="refused"}' in counted
    assert "function_agent_executor_call_seconds_count" in counted


@pytest.mark.parametrize("everywhere", ["[::]", "0.0.0.0"])
def test_everywhere_is_every_address_of_both_families(everywhere: str) -> None:
    with serving("--insecure", on=everywhere) as function:
        for host in loopbacks():
            address, health, metrics = (
                place.replace("127.0.0.1", host) for place in (function.address, function.health, function.metrics)
            )
            at = replace(function, address=address, health=health, metrics=metrics)
            assert health_of(at) == health_pb2.HealthCheckResponse.SERVING
            assert call(at, fnv1, minimal()).meta.tag == "t"
            assert metrics_of(at)


def metrics_of(function: Function) -> list[str]:
    with urllib.request.urlopen(f"http://{function.metrics}/metrics", timeout=5) as answer:
        lines: list[str] = answer.read().decode().splitlines()
        return lines


@pytest.mark.parametrize("messages", [fnv1, fnv1beta1], ids=["v1", "v1beta1"])
def test_both_versions_of_the_protocol_are_served(function: Function, messages) -> None:
    request = messages.RunFunctionRequest(meta={"tag": "t"})
    request.observed.composite.resource.update({"metadata": {"name": "a", "namespace": "b"}, "spec": {"image": "app"}})
    answer = call(function, messages, request)
    assert (answer.meta.tag, sorted(answer.desired.resources)) == ("t", ["network-policy", "service-account"])


def test_a_message_of_nearly_sixteen_megabytes_is_taken(function: Function) -> None:
    request = fnv1.RunFunctionRequest()
    request.observed.resources["large"].resource.update({"data": "x" * (LIMIT_MB - 1) * 1024 * 1024})
    assert call(function, fnv1, request).results[0].severity == fnv1.SEVERITY_FATAL


def test_the_same_request_gives_the_same_bytes_over_the_wire(function: Function) -> None:
    answers = {raw(function.address, RUN, minimal()) for _ in range(8)}
    assert len(answers) == 1
    assert answers == {run(minimal()).SerializeToString(deterministic=True)}


def test_only_a_caller_with_a_certificate_of_the_same_authority_is_answered(tmp_path: Path) -> None:
    ours, theirs = Authority("ours"), Authority("theirs")
    certificates = ours.issue(tmp_path / "server")
    with serving("--tls-certs-dir", str(certificates)) as function:
        friend, stranger = ours.issue(tmp_path / "friend"), theirs.issue(tmp_path / "stranger")
        answer = fnv1.RunFunctionResponse.FromString(
            raw(function.address, RUN, minimal(), tls=credentials(friend, friend))
        )
        assert answer.meta.tag == "t"
        for refused in (credentials(stranger, friend), credentials(None, friend), None):
            with pytest.raises(grpc.RpcError) as caught:
                raw(function.address, RUN, minimal(), tls=refused)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_certificates_are_renewed_without_a_restart_and_what_runs_goes_on(tmp_path: Path) -> None:
    before, after = Authority("before"), Authority("after")
    mounted = Mounted(tmp_path / "mounted")
    mounted.swap(before)
    old, new = (by.issue(tmp_path / by.name) for by in (before, after))
    with (
        serving("--tls-certs-dir", str(mounted.folder)) as function,
        grpc.secure_channel(function.address, credentials(old, old), LOCALHOST) as opened,
    ):
        stream = Stream(opened)
        assert "RunFunction" in stream.ask()
        mounted.swap(after)
        assert raw(function.address, RUN, minimal(), tls=credentials(new, new))
        for refused in (credentials(old, new), credentials(new, old), credentials(old, old)):
            with pytest.raises(grpc.RpcError) as caught:
                raw(function.address, RUN, minimal(), tls=refused)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "RunFunction" in stream.ask()
        stream.end()


def test_files_that_do_not_fit_together_change_nothing_until_they_do(tmp_path: Path) -> None:
    before, after = Authority("before"), Authority("after")
    served = before.issue(tmp_path / "served")
    old, new = (by.issue(tmp_path / by.name) for by in (before, after))
    with serving("--tls-certs-dir", str(served)) as function:
        for name in ("tls.crt", "ca.crt", "tls.key"):
            assert raw(function.address, RUN, minimal(), tls=credentials(old, old))
            (served / name).write_bytes((new / name).read_bytes())
        assert raw(function.address, RUN, minimal(), tls=credentials(new, new))


def test_told_to_stop_it_says_so_first_and_answers_every_call_that_had_begun() -> None:
    with serving("--insecure") as function, grpc.insecure_channel(function.address) as channel:
        method = channel.unary_unary(
            RUN, fnv1.RunFunctionRequest.SerializeToString, fnv1.RunFunctionResponse.FromString
        )
        assert method(minimal(), timeout=10).meta.tag == "t"
        calls = [method.future(minimal(), timeout=10) for _ in range(50)]
        function.process.send_signal(signal.SIGTERM)
        calls += [method.future(minimal(), timeout=10) for _ in range(50)]
        wait_until(lambda: health_of(function) == health_pb2.HealthCheckResponse.NOT_SERVING)
        calls.append(method.future(minimal(), timeout=10))
        assert {call.result().meta.tag for call in calls} == {"t"}


class Stream:
    """A call that goes on: the reflection of the server, asked again and again."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._asked: queue.Queue[ServerReflectionRequest | None] = queue.Queue()
        self._answers = ServerReflectionStub(channel).ServerReflectionInfo(iter(self._asked.get, None), timeout=20)

    def ask(self) -> str:
        """The names in the file that describes the function's service."""
        self._asked.put(ServerReflectionRequest(file_containing_symbol=SERVICE))
        return str(next(self._answers).file_descriptor_response.file_descriptor_proto[0])

    def end(self) -> None:
        self._asked.put(None)
        assert list(self._answers) == []


SERVICE = f"{fnv1.DESCRIPTOR.package}.FunctionRunnerService"
LOCALHOST = (("grpc.ssl_target_name_override", "localhost"),)
RUN = f"/{fnv1.DESCRIPTOR.package}.FunctionRunnerService/RunFunction"


def minimal() -> fnv1.RunFunctionRequest:
    request = fnv1.RunFunctionRequest(meta={"tag": "t"})
    request.observed.composite.resource.update({"metadata": {"name": "a", "namespace": "b"}, "spec": {"image": "app"}})
    return request


def health_of(function: Function) -> int:
    request = health_pb2.HealthCheckRequest()
    answer = ask(function.health, "/grpc.health.v1.Health/Check", request, health_pb2.HealthCheckResponse)
    status: int = answer.status
    return status


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def credentials(folder: Path | None, authority: Path) -> grpc.ChannelCredentials:
    key, certificate = ((folder / name).read_bytes() if folder else None for name in ("tls.key", "tls.crt"))
    return grpc.ssl_channel_credentials((authority / "ca.crt").read_bytes(), key, certificate)


def raw(address: str, path: str, request: fnv1.RunFunctionRequest, tls: grpc.ChannelCredentials | None = None) -> bytes:
    """The bytes of the answer."""
    opened = grpc.secure_channel(address, tls, LOCALHOST) if tls else grpc.insecure_channel(address)
    with opened as channel:
        method = channel.unary_unary(path, fnv1.RunFunctionRequest.SerializeToString, bytes)
        return method(request, timeout=10)


def call(function: Function, messages, request):
    path = f"/{messages.DESCRIPTOR.package}.FunctionRunnerService/RunFunction"
    return ask(function.address, path, request, messages.RunFunctionResponse)


def ask(address: str, path: str, request, reply):
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary(path, type(request).SerializeToString, reply.FromString)
        return method(request, timeout=10)
