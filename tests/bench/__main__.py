"""Jobs per second of a three-node graph from message to result, and memory at rest, beside baselines in the same run.

Rounds are interleaved, so that whatever else the machine does falls on all variants; only the ratios travel.
"""

import argparse
import asyncio
import statistics
import sys
import uuid
from collections import defaultdict
from collections.abc import Mapping

import structlog
import uvloop

from contract import Env
from executor import embedded
from tests import rig
from tests.bench import memory
from tests.bench.variants import Variant, bare, loop, ours
from tests.rig import Environment

VARIANTS: Mapping[str, Variant] = {
    "bare graph, no checkpoints": bare,
    "plain loop, stock saver": loop,
    "this service": ours,
}
BASELINE = "plain loop, stock saver"

Rates = dict[tuple[str, int], list[float]]


async def measure(rounds: int, jobs: int, levels: list[int]) -> Rates:
    """Jobs per second, by variant and by how many were at work at once."""
    rates: Rates = defaultdict(list)
    async with embedded.servers() as servers:
        given = servers.environment()
        await rig.drop_anchor(given)
        for number in range(rounds):
            for level in levels:
                for name, variant in VARIANTS.items():
                    print(f"\rround {number + 1} of {rounds}, {level} at once: {name:<30}", end="", file=sys.stderr)
                    wanted = jobs if level > 1 else max(jobs // 4, 20)
                    rates[name, level].append(await _rate(variant, given, wanted, level))
    print(file=sys.stderr)
    return rates


async def _rate(variant: Variant, given: Environment, jobs: int, at_once: int) -> float:
    tag = f"b{uuid.uuid4().hex[:10]}"
    own = given | {
        Env.NATS_STREAM_NAME: tag.upper(),
        Env.NATS_CONSUMER_GROUP: tag,
        Env.EXECUTOR_SUBJECT_PREFIX: tag,
        Env.POSTGRES_DB: tag,
    }
    async with rig.database(given, tag), rig.streams(given, tag.upper()):
        await rig.provision(own)
        return jobs / await variant(own, jobs, at_once)


def table(rates: Rates, levels: list[int]) -> str:
    """Medians, their spread, and the median of the ratios to the plain loop, round by round."""
    head = f"{'':<30}" + "".join(f"{f'{level} at once':>34}" for level in levels)
    rows = (f"{name:<30}" + "".join(f"{_cell(rates, name, level):>34}" for level in levels) for name in VARIANTS)
    return "\n".join([head, *rows])


def _cell(rates: Rates, name: str, level: int) -> str:
    mine, base = rates[name, level], rates[BASELINE, level]
    ratio = statistics.median(a / b for a, b in zip(mine, base, strict=True))
    return f"{statistics.median(mine):.0f} jobs/s ({min(mine):.0f}-{max(mine):.0f}) {ratio:.2f}x"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--jobs", type=int, default=600, help="jobs of a measurement at more than one at once")
    parser.add_argument("--at-once", default="1,32", help="how many jobs are at work at once (default 1,32)")
    given = parser.parse_args()
    levels = [int(level) for level in given.at_once.split(",")]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(table(runner.run(measure(given.rounds, given.jobs, levels)), levels))
        print(runner.run(memory.table()))


if __name__ == "__main__":
    main()
