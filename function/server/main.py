"""The command `function-agent-executor`: the SDK's own options, plus health and metrics."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from crossplane.function import cli, logging
from prometheus_client import CollectorRegistry, start_http_server

from function.server.answers import Answers
from function.server.metrics import Metrics
from function.server.runner import FunctionRunner
from function.server.serve import Server

MESSAGE_SIZE_MB = 16
EVERYWHERE = ("", "0.0.0.0", "[::]")


@click.command(context_settings={"default_map": {"max_recv_message_size": MESSAGE_SIZE_MB}})
@click.version_option(package_name="agent-executor", prog_name="function-agent-executor")
@cli.standard_options
@click.option(
    "--health-address",
    default="",
    envvar="HEALTH_ADDRESS",
    help="Address of the gRPC health service, such as [::]:8081. Empty for none.",
)
@click.option(
    "--metrics-address",
    default="",
    envvar="METRICS_ADDRESS",
    help="Address of the Prometheus metrics, such as [::]:8080. Empty for none.",
)
def main(*, debug: bool, metrics_address: str, **server: Any) -> None:
    """Serve the composition function that turns an AgentExecutor into its resources."""
    logging.configure(logging.Level.DEBUG if debug else logging.Level.INFO)
    registry = CollectorRegistry()
    try:
        with _metrics(metrics_address, registry):
            asyncio.run(Server(**server).run(FunctionRunner(Metrics(registry), Answers())))
    except (OSError, RuntimeError, ValueError) as error:
        raise click.ClickException(f"the function could not be served: {error}") from error


@contextmanager
def _metrics(address: str, registry: CollectorRegistry) -> Iterator[None]:
    """Serve /metrics while the function runs."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), listening_on(host), registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listening_on(host: str) -> str:
    """The host without brackets; everywhere is what it is for gRPC: all addresses of IPv4 and, where it is, IPv6."""
    if host in EVERYWHERE:
        return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    return host.strip("[]")
