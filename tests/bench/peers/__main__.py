"""This service beside its peers: each takes the same messages and answers when three steps are durable.

Interleaved rounds; so many jobs are always outstanding. Peers have a database of their own, on the same servers.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from contract import Env
from executor import embedded
from executor.embedded.process import Process
from executor.settings import NatsSettings
from tests import rig
from tests.bench import beside, machine
from tests.bench.beside import Figures
from tests.bench.graph import event
from tests.bench.outstanding import Sender, sender
from tests.bench.peers.environments import PEERS, Peer
from tests.bench.watch import cpu_seconds, postmaster
from tests.rig import Environment
from tools.version import ROOT

OURS = "this service"
GRAPHS = Path(__file__).parents[1] / "scale" / "langgraph.json"
COLUMNS = {"jobs/s": 1, "p50 ms": 0, "idle ms": 0, "ms CPU": 2, "ms Postgres": 2, "MiB": 0, "x jobs/s": 2}
IDLE_JOBS = 20


async def measure(given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement, and in each round the pace as a multiple of ours."""
    found: list[Figures] = []
    for name in given.peers:
        PEERS[name].provide()
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
            mine = [await _one(name, servers, given) for name in (OURS, *given.peers)]
            found += [{**each, "x jobs/s": each["jobs/s"] / mine[0]["jobs/s"]} for each in mine]
    return found


async def _one(name: str, servers: embedded.Servers, given: argparse.Namespace) -> Figures:
    more = {Env.EXECUTOR_CONCURRENCY: str(given.at_once)}
    async with (
        beside.own_place(servers.environment(), **more) as place,
        _at_work(name, place) as worker,
        sender(NatsSettings.read(place), partial(event, graph="three")) as jobs,
    ):
        return {"name": name, **await _figures(jobs, worker, postmaster(servers), given)}


async def _figures(jobs: Sender, worker: Process, database: int, given: argparse.Namespace) -> Figures:
    await jobs.warm()
    idle = await jobs.keep(1, IDLE_JOBS)
    own, shared = beside.spent(worker.pid), cpu_seconds(database)
    busy = await jobs.keep(given.at_once, given.jobs)
    return {
        **busy,
        "idle ms": idle["p50 ms"],
        "ms CPU": 1000 * (beside.spent(worker.pid) - own) / given.jobs,
        "ms Postgres": 1000 * (cpu_seconds(database) - shared) / given.jobs,
        "MiB": beside.memory(worker.pid),
    }


def _at_work(name: str, place: Environment) -> AbstractAsyncContextManager[Process]:
    if name == OURS:
        [image] = beside.images(alone=True)
        return beside.at_work(image, place, GRAPHS, **{Env.EXECUTOR_LOG_LEVEL: "error"})
    return _peer(PEERS[name], place)


@asynccontextmanager
async def _peer(peer: Peer, place: Environment) -> AsyncIterator[Process]:
    own = {**place, Env.POSTGRES_DB: f"{place[Env.POSTGRES_DB]}_peer", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        async with rig.database(place, own[Env.POSTGRES_DB]):
            try:
                async with Process(peer.command, environment=own, log=log) as process:
                    yield process
            except TimeoutError:
                print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
                raise


def main() -> None:
    """Measure, print the table, and the figures as JSON with the machine's facts."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--jobs", type=int, default=300, help="jobs of a measurement (default 300)")
    parser.add_argument("--at-once", type=int, default=32, help="how many are outstanding (default 32)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="beside whom (default all)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    facts = machine.facts()
    found = asyncio.run(measure(given))
    print(beside.table(found, {"name": 14}, COLUMNS, 13))
    machine.report(facts, given, found)


if __name__ == "__main__":
    main()
