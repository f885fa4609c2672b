"""What asking over HTTP and waiting costs beside asking over NATS, here and at the image that landed last.

Interleaved rounds; whoever asks is a process of its own. `one` is one job after the other, `many` so many at once,
`elsewhere` one after the other while all end at another pod than that which is asked.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.embedded.loopback import wait_until
from tests import rig
from tests.bench import beside
from tests.bench.beside import Figures
from tests.bench.watch import cpu_seconds, postmaster
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade.images import Image
from tools.version import ROOT

GRAPHS = Path(__file__).parent / "langgraph.json"
COLUMNS = {
    "jobs/s": 1,
    "x nats": 2,
    "ms CPU": 1,
    "ms Postgres": 1,
    "job p50 ms": 1,
    "job p99 ms": 1,
    "after event p50 ms": 1,
    "after event p99 ms": 1,
}
WARM = 30
WAYS = ("nats", "http"), ("http", "nats")  # in turn: whoever is second may find the machine as the first left it


@dataclass(frozen=True)
class Place:
    """Where an image is at work: its environment, the pod that is asked, and all that work."""

    environment: Mapping[str, str]
    asked: Service
    pods: Sequence[Service]
    postmaster: int

    async def measure(self, way: str, jobs: int, at_once: int) -> Figures:
        """What a client sees, with the CPU time of all pods and of Postgres for each job."""
        before = self._spent()
        nats, prefix = self.environment[Env.NATS_URL], self.environment[Env.EXECUTOR_SUBJECT_PREFIX]
        words = [way, nats, prefix, self.asked.port, jobs, at_once]
        command = [sys.executable, "-m", "tests.bench.http.client", *map(str, words)]
        client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        said, _ = await client.communicate()
        pods, postgres = (1000 * (after - then) / jobs for after, then in zip(self._spent(), before, strict=True))
        return {**json.loads(said), "ms CPU": pods, "ms Postgres": postgres}

    def _spent(self) -> tuple[float, float]:
        return sum(beside.spent(pod.pid) for pod in self.pods), cpu_seconds(self.postmaster)


async def measure(images: Sequence[Image], given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement."""
    found: list[Figures] = []
    forms = {"one": (given.jobs // 4, 1), "many": (given.jobs, given.at_once), "elsewhere": (given.jobs // 4, 1)}
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            for form, (jobs, at_once) in forms.items():
                for image in images:
                    print(f"round {number + 1} of {given.rounds}, {form}: {image}", file=sys.stderr)
                    async with _place(image, servers, given, pods=1 + (form == "elsewhere")) as place:
                        ways = {way: await place.measure(way, jobs, at_once) for way in WAYS[number % 2]}
                    pace = ways["nats"]["jobs/s"]
                    found += [
                        {"form": form, "image": image.name, "way": way, **told, "x nats": told["jobs/s"] / pace}
                        for way, told in ways.items()
                    ]
    return found


@asynccontextmanager
async def _place(image: Image, servers: embedded.Servers, given: argparse.Namespace, pods: int) -> AsyncIterator[Place]:
    more = {
        Env.EXECUTOR_CONCURRENCY: str(given.at_once if pods == 1 else 1),
        Env.EXECUTOR_LOG_LEVEL: "error",
    }
    async with beside.own_place(servers.environment(), **more) as own, AsyncExitStack() as stack:
        running: list[Service] = []
        for _ in range(pods):
            running.append(await stack.enter_async_context(beside.at_work(image, own, GRAPHS)))
            if len(running) < pods:
                await _occupy(running[-1])
        place = Place(own, running[0], running, postmaster(servers))
        for way in ("nats", "http"):
            await place.measure(way, WARM, given.at_once)
        yield place


async def _occupy(pod: Service) -> None:
    """Give the pod the one job that it has room for."""
    data = {"job_id": "occupies", "agent_definition": {"graph": "occupies"}, "input_payload": {"seconds": 600}}
    async with httpx.AsyncClient(base_url=pod.url) as http:
        (await http.post("/", json=enveloped(data), headers=STRUCTURED)).raise_for_status()

        async def runs() -> bool:
            return bool((await http.get("/jobs/occupies")).json()["status"] == "running")

        await wait_until("it is occupied", runs)


def machine() -> dict[str, Any]:
    """What the figures were made on."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--jobs", type=int, default=400, help="jobs of a measurement of many (default 400)")
    parser.add_argument("--at-once", type=int, default=32, help="how many at once are many (default 32)")
    parser.add_argument("--alone", action="store_true", help="without the image that landed last")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    found = asyncio.run(measure(beside.images(alone=given.alone), given))
    print(beside.table(found, {"form": 11, "image": 8, "way": 6}, COLUMNS, 20))
    print(json.dumps({"machine": machine(), "figures": found}))


if __name__ == "__main__":
    main()
