"""Jobs per second of a three-node graph from message to result, and memory at rest, beside baselines in the same run.

Rounds are interleaved, so that whatever else the machine does falls on all variants; only the ratios travel.
"""

import argparse
import asyncio
import gc
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

import psycopg
import structlog
import uvloop

from executor import embedded
from executor.app import settle_memory
from executor.settings import PostgresSettings
from tests import rig
from tests.bench import beside, memory
from tests.bench.variants import Variant, bare, loop, ours, saved, stock
from tests.bench.watch import Watch, counted, postmaster
from tests.rig import Environment

VARIANTS: Mapping[str, Variant] = {
    "the graph alone, no checkpoints": bare,
    "the graph, stock saver": stock,
    "the graph, our saver": saved,
    "plain loop, stock saver": loop,
    "this service": ours,
}
BESIDE = {"plain loop": "plain loop, stock saver", "our saver": "the graph, our saver"}
COUNTED = 200

Figures = dict[str, float]
Results = dict[tuple[str, int], list[Figures]]


async def measure(rounds: int, jobs: int, levels: list[int]) -> str:
    """The tables, by how many were at work at once."""
    results: Results = defaultdict(list)
    async with embedded.servers() as servers:
        given = servers.environment()
        await rig.drop_anchor(given)
        for number in range(rounds):
            for level in levels:
                for name, variant in VARIANTS.items():
                    print(f"\rround {number + 1} of {rounds}, {level} at once: {name:<34}", end="", file=sys.stderr)
                    wanted = jobs if level > 1 else max(jobs // 4, 20)
                    results[name, level].append(await _figures(variant, servers, wanted, level))
        print(file=sys.stderr)
        tables = [table(results, level) for level in levels]
        return "\n\n".join([*tables, await statements(servers, max(levels))])


async def _figures(variant: Variant, servers: embedded.Servers, jobs: int, at_once: int) -> Figures:
    watch = Watch(postmaster(servers))
    await _run(variant, servers.environment(), jobs, at_once, watch)
    seconds, python, postgres = watch.spent.values()
    return {"jobs/s": jobs / seconds, "ms Python": 1000 * python / jobs, "ms Postgres": 1000 * postgres / jobs}


async def statements(servers: embedded.Servers, at_once: int) -> str:
    """SQL statements a job, those of an idle service among them."""
    watch = Watch(postmaster(servers))
    postgres = PostgresSettings.read(servers.environment())
    found = []
    async with await psycopg.AsyncConnection.connect(**postgres.conninfo(), autocommit=True) as admin:
        for name, variant in VARIANTS.items():
            async with counted(admin, servers.postgres.log) as said:
                await _run(variant, servers.environment(), COUNTED, at_once, watch)
            found.append(f"{name} {said.count / COUNTED:.2f}")
    return f"SQL statements a job, {at_once} at once: {'; '.join(found[1:])}"


async def _run(variant: Variant, given: Environment, jobs: int, at_once: int, watch: Watch) -> None:
    async with beside.own_place(given) as own:
        gc.collect()
        await variant(own, jobs, at_once, watch)


def table(results: Results, level: int) -> str:
    """Medians, of jobs per second also their spread; and the medians of the ratios, round by round."""
    columns = ("ms Python", "ms Postgres")
    head = f"{f'{level} at once':<34}{'jobs/s':>16}" + "".join(f"{column:>13}" for column in columns)
    head += "".join(f"{f'x {base}':>22}" for base in BESIDE)
    return "\n".join([head, *(_row(results, name, level, columns) for name in VARIANTS)])


def _row(results: Results, name: str, level: int, columns: Sequence[str]) -> str:
    mine = results[name, level]
    row = f"{name:<34}{_spread([each['jobs/s'] for each in mine], 0):>16}"
    row += "".join(f"{statistics.median(each[column] for each in mine):>13.2f}" for column in columns)
    for base in BESIDE.values():
        pairs = zip(mine, results[base, level], strict=True)
        row += f"{_spread([one['jobs/s'] / other['jobs/s'] for one, other in pairs], 2):>22}"
    return row


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--jobs", type=int, default=600, help="jobs of a measurement at more than one at once")
    parser.add_argument("--at-once", default="1,32", help="how many jobs are at work at once (default 1,32)")
    given = parser.parse_args()
    levels = [int(level) for level in given.at_once.split(",")]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    settle_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(measure(given.rounds, given.jobs, levels)))
        print(runner.run(memory.table()))


if __name__ == "__main__":
    main()
