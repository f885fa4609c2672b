"""The function's latency, CPU, memory and start beside a naive one and an empty one, in one run.

Rounds are interleaved, so that whatever else the machine does falls on all of them; only the ratios travel.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from executor.embedded.loopback import HOST, free_port, listens
from executor.embedded.process import Process
from tests.bench.function import world

RUN = f"/{fnv1.DESCRIPTOR.package}.FunctionRunnerService/RunFunction"
BIN = Path(sys.executable).parent
COMMANDS = {
    "empty (the SDK's floor)": (sys.executable, "-m", "tests.bench.function.baselines", "empty", "{}"),
    "this function": (str(BIN / "function-agent-executor"), "--insecure", "--address", "{}"),
    "naive": (sys.executable, "-m", "tests.bench.function.baselines", "naive", "{}"),
}
CALLERS = (1, 16)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """One running function, and how long it took until it listened."""

    name: str
    address: str
    pid: int
    start: float

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> float:
        """Megabytes of memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@dataclass(frozen=True)
class Sample:
    """One round of one server with so many callers; in milliseconds, but for the rate."""

    p50: float
    p99: float
    cpu: float
    rate: float


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Server]:
    """The function as a process of its own."""
    port = free_port()
    address = f"{HOST}:{port}"
    command = [part.format(address) for part in COMMANDS[name]]
    began = time.perf_counter()
    async with Process(command, environment={}) as process:
        await process.until(f"{name} listens", lambda: listens(port))
        assert process.pid
        yield Server(name, address, process.pid, time.perf_counter() - began)


async def measure(server: Server, callers: int, calls: int, body: bytes) -> Sample:
    """So many calls, by so many callers that each wait for their answer."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        method = channel.unary_unary(RUN, bytes, bytes)
        await method(body)
        taken: list[float] = []

        async def call() -> None:
            for _ in range(calls // callers):
                began = time.perf_counter()
                await method(body)
                taken.append(time.perf_counter() - began)

        cpu, began = server.cpu(), time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        seconds = time.perf_counter() - began
    cuts = statistics.quantiles(taken, n=100)
    return Sample(1000 * cuts[49], 1000 * cuts[98], 1000 * (server.cpu() - cpu) / len(taken), len(taken) / seconds)


async def compare(rounds: int, calls: int) -> None:
    """Print a table: medians of the rounds."""
    asked = world.request()
    body = asked.SerializeToString()
    print(f"{len(asked.observed.resources)} observed resources, {len(body) / 1000:.1f} kB, medians of {rounds} rounds")
    samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(running(name)) for name in COMMANDS]
        for _ in range(rounds):
            for callers in CALLERS:
                for server in servers:
                    samples[server.name, callers].append(await measure(server, callers, calls, body))
        print(f"{'':<26}{'callers':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'calls/s':>9}{'MB':>7}{'start s':>9}")
        for server in servers:
            for callers in CALLERS:
                print(_line(server, callers, samples[server.name, callers]))


def _line(server: Server, callers: int, samples: list[Sample]) -> str:
    p50, p99, cpu, rate = (
        statistics.median(getattr(sample, figure) for sample in samples) for figure in ("p50", "p99", "cpu", "rate")
    )
    figures = f"{p50:9.2f}{p99:9.2f}{cpu:9.2f}{rate:9.0f}{server.resident():7.0f}{server.start:9.2f}"
    return f"{server.name:<26}{callers:>8}{figures}"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.function", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=480, help="calls per round")
    given = parser.parse_args()
    asyncio.run(compare(given.rounds, given.calls))


if __name__ == "__main__":
    main()
