"""What it costs a service that many watch its jobs, beside the image that landed last, in interleaved rounds.

Ten jobs tell ten entries a second each; the watchers are a process of their own.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from tests import rig
from tests.bench import beside
from tests.bench.beside import Figures
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade.images import Image
from tools.version import ROOT

GRAPHS = Path(__file__).parent / "langgraph.json"
RATE = 10
SETTLE_SECONDS = 8.0  # until all are connected


async def measure(images: Sequence[Image], levels: Sequence[int], given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement."""
    found = []
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            for level in levels:
                for image in images:
                    print(f"round {number + 1} of {given.rounds}, {level} watchers: {image}", file=sys.stderr)
                    figures = await _one(image, servers, level, given.jobs, given.seconds)
                    found.append({"image": image.name, "watchers": level, "jobs": given.jobs, **figures})
    return found


async def _one(image: Image, servers: embedded.Servers, watchers: int, count: int, seconds: float) -> Figures:
    more = {Env.EXECUTOR_CONCURRENCY: str(count)}
    async with (
        beside.own_place(servers.environment()) as place,
        beside.at_work(image, place, GRAPHS, **more) as service,
    ):
        return await _watched(service, watchers, count, seconds)


async def _watched(service: Service, watchers: int, count: int, seconds: float) -> Figures:
    begin = time.time() + SETTLE_SECONDS
    jobs = await _telling(service, count, until=begin + seconds + 1)
    words = [service.port, watchers, begin, begin + seconds, *jobs]
    command = [sys.executable, "-m", "tests.bench.watchers.client", *map(str, words)]
    client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    await asyncio.sleep(begin - time.time())
    before = beside.spent(service.pid)
    await asyncio.sleep(begin + seconds - time.time())
    after, memory = beside.spent(service.pid), beside.memory(service.pid)
    said, _ = await client.communicate()
    return {**json.loads(said), "CPU %": 100 * (after - before) / seconds, "MiB": memory}


async def _telling(service: Service, count: int, until: float) -> list[str]:
    """The ids of jobs that have begun to tell."""
    jobs = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(count)]
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as http:
        for job in jobs:
            payload = {"rate": RATE, "until": until}
            data = {"job_id": job, "agent_definition": {"graph": "telling"}, "input_payload": payload}
            (await http.post("/", json=enveloped(data), headers=STRUCTURED)).raise_for_status()
    return jobs


def table(found: Sequence[Figures]) -> str:
    """A line for each number of watchers and image: medians over the rounds, and answers of all of them."""
    columns = {"entries/s": 0, "CPU %": 0, "p50 ms": 1, "p99 ms": 1, "MiB": 0}
    head = f"{'watchers':>8}  {'image':<6}" + "".join(f"{name:>11}" for name in columns) + "  answers"
    cases = dict.fromkeys((each["watchers"], each["image"]) for each in found)
    return "\n".join([head, *(_row([each for each in found if _case(each) == case], columns) for case in cases)])


def _row(mine: Sequence[Figures], columns: Mapping[str, int]) -> str:
    watchers, image = _case(mine[0])
    medians = [f"{beside.median(mine, name):>11.{digits}f}" for name, digits in columns.items()]
    answers: dict[str, int] = {}
    for each in mine:
        answers |= {status: answers.get(status, 0) + count for status, count in each["answers"].items()}
    return f"{watchers:>8}  {image:<6}{''.join(medians)}  {answers}"


def _case(figures: Figures) -> tuple[int, str]:
    return figures["watchers"], figures["image"]


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-watchers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--watchers", default="50,190,1000", help="how many watch (default 50,190,1000)")
    parser.add_argument("--jobs", type=int, default=10, help="how many jobs they watch (default 10)")
    parser.add_argument("--seconds", type=float, default=10, help="of a measurement (default 10)")
    parser.add_argument("--alone", action="store_true", help="without the image that landed last")
    given = parser.parse_args()
    levels = [int(level) for level in given.watchers.split(",")]
    found = asyncio.run(measure(beside.images(alone=given.alone), levels, given))
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
