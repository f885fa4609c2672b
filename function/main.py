"""The command `function-agent-executor`: the SDK's own options, plus health and metrics."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import click
import grpc
from crossplane.function import cli
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, start_http_server

from function.fn import FunctionRunner
from function.metrics import Metrics

MESSAGE_SIZE_MB = 16


@click.command(context_settings={"default_map": {"max_recv_message_size": MESSAGE_SIZE_MB}})
@click.version_option(package_name="agent-executor")
@cli.standard_options
@click.option(
    "--health-address",
    default="",
    envvar="HEALTH_ADDRESS",
    help="Address of the gRPC health service, such as 0.0.0.0:8081. Empty for none.",
)
@click.option(
    "--metrics-address",
    default="",
    envvar="METRICS_ADDRESS",
    help="Address of the Prometheus metrics, such as 0.0.0.0:8080. Empty for none.",
)
def main(*, health_address: str, metrics_address: str, **options: Any) -> None:
    """Serve the composition function that turns an AgentExecutor into its resources."""
    registry = CollectorRegistry()
    try:
        with ExitStack() as running:
            if health_address:
                running.enter_context(_health(health_address))
            if metrics_address:
                running.enter_context(_metrics(metrics_address, registry))
            cli.run(FunctionRunner(Metrics(registry)), **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise click.ClickException(f"the function could not be served: {error}") from error


@contextmanager
def _health(address: str) -> Iterator[None]:
    """Answer the gRPC health protocol, for all services at once, while the function runs."""
    service = health.HealthServicer()
    service.set("", health_pb2.HealthCheckResponse.SERVING)
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    health_pb2_grpc.add_HealthServicer_to_server(service, server)
    server.add_insecure_port(address)
    server.start()
    try:
        yield
    finally:
        server.stop(grace=None).wait()


@contextmanager
def _metrics(address: str, registry: CollectorRegistry) -> Iterator[None]:
    """Serve /metrics while the function runs."""
    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), host, registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
