"""What more pods, and more jobs at once in each, give: the pace, the CPU time of a job and the memory of a pod.

Interleaved rounds; every place of every pod is always taken. `three` has nodes that only append, those of `slow` wait.
"""

import argparse
import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.settings import NatsSettings
from tests import rig
from tests.bench import beside, machine
from tests.bench.beside import Figures
from tests.bench.graph import event
from tests.bench.outstanding import Sender, sender
from tests.bench.watch import cpu_seconds, postmaster

GRAPHS = Path(__file__).parent / "langgraph.json"
FORMS = ("three", "slow")
CASE = {"graph": 8, "pods": 6, "at once": 9}
COLUMNS = {"jobs/s": 1, "p50 ms": 0, "ms CPU": 2, "ms Postgres": 2, "cores": 2, "MiB a pod": 0, "peak MiB": 0}


async def measure(given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement."""
    found = []
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            for case in itertools.product(given.graphs, given.pods, given.at_once):
                print(f"round {number + 1} of {given.rounds}: {case}", file=sys.stderr)
                found.append(dict(zip(CASE, case, strict=True)) | await _one(servers, given.jobs, *case))
    return found


async def _one(servers: embedded.Servers, jobs: int, graph: str, pods: int, at_once: int) -> Figures:
    more = {Env.EXECUTOR_CONCURRENCY: str(at_once), Env.EXECUTOR_LOG_LEVEL: "error"}
    [image] = beside.images(alone=True)
    async with beside.own_place(servers.environment(), **more) as place, AsyncExitStack() as stack:
        services = [await stack.enter_async_context(beside.at_work(image, place, GRAPHS)) for _ in range(pods)]
        asking = await stack.enter_async_context(sender(NatsSettings.read(place), partial(event, graph=graph)))
        await asking.keep(pods * at_once, pods * at_once)  # warm
        return await _figures(asking, services, postmaster(servers), (pods * at_once, jobs))


async def _figures(asking: Sender, services: Sequence[Service], database: int, work: tuple[int, int]) -> Figures:
    own, shared, (_, jobs) = _spent(services), cpu_seconds(database), work
    pace = await asking.keep(*work)
    own, shared = _spent(services) - own, cpu_seconds(database) - shared
    return {
        **pace,
        "ms CPU": 1000 * own / jobs,
        "ms Postgres": 1000 * shared / jobs,
        "cores": own * pace["jobs/s"] / jobs / len(services),
        "MiB a pod": max(beside.memory(service.pid) for service in services),
        "peak MiB": max(beside.memory(service.pid, "VmHWM") for service in services),
    }


def _spent(services: Sequence[Service]) -> float:
    return sum(beside.spent(service.pid) for service in services)


def main() -> None:
    """Measure, print the table, and the figures as JSON with the machine's facts."""
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--jobs", type=int, default=400, help="jobs of a measurement (default 400)")
    parser.add_argument("--pods", type=int, nargs="+", default=[1, 2], help="how many pods (default 1 2)")
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 32, 100], help="in each (default 8 32 100)")
    parser.add_argument("--graphs", nargs="+", choices=FORMS, default=FORMS, help="what is run (default both)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    facts = machine.facts()
    found = asyncio.run(measure(given))
    print(beside.table(found, CASE, COLUMNS, 13))
    machine.report(facts, given, found)


if __name__ == "__main__":
    main()
