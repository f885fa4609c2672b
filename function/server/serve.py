"""The gRPC server: both versions of the protocol, health on a port of its own, and an end that loses no call."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.runtime import SERVICE_NAMES
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]  # it has no stubs

from function.server.certificates import Certificates
from function.server.runner import FunctionRunner

log = logging.get_logger()

# The messages of v1beta1 are those of v1 with fewer fields: the same bytes read and written as v1 will do.
PROTOCOLS = tuple(name for name in SERVICE_NAMES if name != reflection.SERVICE_NAME)
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """How the function is served. `linger` is how long it goes on after it has said that it will not, in seconds."""

    address: str
    health_address: str
    tls_certs_dir: str | None
    insecure: bool
    max_recv_message_size: int
    max_send_message_size: int | None
    linger: float = 2.0
    grace: float = 20.0

    async def run(self, function: FunctionRunner) -> None:
        """Serve until SIGTERM or SIGINT; raises OSError, RuntimeError or ValueError when it cannot start."""
        stop = _stop_event()
        async with AsyncExitStack() as running:
            server = await running.enter_async_context(self._serve(function))
            healthy = await running.enter_async_context(self._health())
            log.info("serving", address=self.address)
            await stop.wait()
            log.info("draining")
            await healthy.enter_graceful_shutdown()
            await asyncio.sleep(self.linger)  # until callers have heard of it
            await server.stop(self.grace)

    @asynccontextmanager
    async def _serve(self, function: FunctionRunner) -> AsyncIterator[grpc.aio.Server]:
        sent = self.max_send_message_size or self.max_recv_message_size
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self.max_recv_message_size * MEGABYTE),
                ("grpc.max_send_message_length", sent * MEGABYTE),
            ]
        )
        method = grpc.unary_unary_rpc_method_handler(function.RunFunction, fnv1.RunFunctionRequest.FromString, bytes)
        for protocol in PROTOCOLS:
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(protocol, {"RunFunction": method}),))
        reflection.enable_server_reflection(SERVICE_NAMES, server)
        self._listen(server)
        await server.start()
        try:
            yield server
        finally:
            await server.stop(None)

    def _listen(self, server: grpc.aio.Server) -> None:
        if self.insecure:
            server.add_insecure_port(self.address)
        elif self.tls_certs_dir:
            server.add_secure_port(self.address, Certificates(Path(self.tls_certs_dir)).credentials())
        else:
            raise ValueError("no credentials were provided: give --tls-certs-dir or --insecure")

    @asynccontextmanager
    async def _health(self) -> AsyncIterator[health.aio.HealthServicer]:
        """The gRPC health protocol, answered by the loop that answers the calls."""
        service = health.aio.HealthServicer()
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(service, server)
        if self.health_address:
            server.add_insecure_port(self.health_address)
        await server.start()
        try:
            yield service
        finally:
            await server.stop(None)


def _stop_event() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
