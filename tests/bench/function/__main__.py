"""The function's latency, CPU, memory and start beside an empty one, its last landing and one in Go, in one run.

Rounds are interleaved, so that whatever else the machine does falls on all of them; only the ratios travel.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from executor.embedded.loopback import HOST, free_port, listens
from executor.embedded.process import Process
from tests.bench.function import baselines, world
from tests.bench.function.baselines import Command

RUN = f"/{fnv1.DESCRIPTOR.package}.FunctionRunnerService/RunFunction"
CASES = {"unchanged world": world.unchanged, "changed world": world.changed, "new claim": world.others}
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
async def running(command: Command) -> AsyncIterator[Server]:
    """The function as a process of its own."""
    port = free_port()
    address = f"{HOST}:{port}"
    words = [part.replace("{}", address) for part in command.words]
    began = time.perf_counter()
    async with Process(words, environment={"PYTHONPATH": str(command.folder)}) as process:
        await process.until(f"{command.name} listens", lambda: listens(port))
        assert process.pid
        yield Server(command.name, address, process.pid, time.perf_counter() - began)


async def measure(server: Server, callers: int, bodies: list[bytes]) -> Sample:
    """One call for each body, by so many callers that each wait for their answer."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        method = channel.unary_unary(RUN, bytes, bytes)
        await method(bodies[0])
        taken: list[float] = []
        left = iter(bodies[1:])

        async def call() -> None:
            for body in left:
                began = time.perf_counter()
                await method(body)
                taken.append(time.perf_counter() - began)

        cpu, began = server.cpu(), time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        seconds = time.perf_counter() - began
    cuts = statistics.quantiles(taken, n=100)
    return Sample(1000 * cuts[49], 1000 * cuts[98], 1000 * (server.cpu() - cpu) / len(taken), len(taken) / seconds)


async def compare(commands: list[Command], rounds: int, calls: int) -> None:
    """Print a table: medians of the rounds."""
    asked = world.request()
    print(
        f"{len(asked.observed.resources)} observed resources, {asked.ByteSize() / 1000:.1f} kB, "
        f"medians of {rounds} rounds of {calls} calls"
    )
    samples: dict[tuple[str, str, int], list[Sample]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(running(command)) for command in commands]
        bodies: dict[tuple[str, str], Iterator[bytes]] = {
            (case, server.name): make(world.request()) for case, make in CASES.items() for server in servers
        }
        for _, case, callers, server in itertools.product(range(rounds), CASES, CALLERS, servers):
            sent = list(itertools.islice(bodies[case, server.name], calls + 1))
            samples[case, server.name, callers].append(await measure(server, callers, sent))
        print(f"{'':<26}{'callers':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'calls/s':>9}{'MB':>7}{'start s':>9}")
        for case in CASES:
            print(case)
            for server, callers in itertools.product(servers, CALLERS):
                print(_line(server, callers, samples[case, server.name, callers]))


def _line(server: Server, callers: int, samples: list[Sample]) -> str:
    p50, p99, cpu, rate = (
        statistics.median(getattr(sample, figure) for sample in samples) for figure in ("p50", "p99", "cpu", "rate")
    )
    figures = f"{p50:9.2f}{p99:9.2f}{cpu:9.2f}{rate:9.0f}{server.resident():7.0f}{server.start:9.2f}"
    return f"  {server.name:<24}{callers:>8}{figures}"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.function", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=320, help="calls per round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(compare(baselines.all_of_them(Path(scratch)), given.rounds, given.calls))


if __name__ == "__main__":
    main()
