"""What large results cost a service beside the image that landed last: memory, and how late it answers others.

Interleaved rounds; each is one service that comes to so many results at once.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.embedded.loopback import wait_until
from executor.settings import PostgresSettings
from tests import rig
from tests.bench import beside
from tests.bench.beside import Figures
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade.images import Image

GRAPHS = Path(__file__).parent / "langgraph.json"
MIB = 1 << 20
PAUSE_SECONDS = 0.02  # between two looks at how late it answers
COLUMNS = {"jobs/s": 2, "MiB idle": 0, "MiB peak": 0, "late p50 ms": 1, "late max ms": 0}


async def measure(images: Sequence[Image], given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement."""
    found = []
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            for pieces in (False, True):
                for image in images:
                    form = "pieces" if pieces else "text"
                    print(f"round {number + 1} of {given.rounds}, {form}: {image}", file=sys.stderr)
                    found.append({"image": image.name, "form": form, **await _one(image, servers, given, pieces)})
    return found


async def _one(image: Image, servers: embedded.Servers, given: argparse.Namespace, pieces: bool) -> Figures:  # noqa: FBT001
    more = {Env.EXECUTOR_CONCURRENCY: str(given.at_once)}
    async with beside.own_place(servers.environment()) as place:
        connecting = psycopg.AsyncConnection.connect(**PostgresSettings.read(place).conninfo(), autocommit=True)
        async with beside.at_work(image, place, GRAPHS, **more) as service, await connecting as database:
            return await _worked(service, database, given, pieces)


async def _worked(
    service: Service,
    database: psycopg.AsyncConnection[Any],
    given: argparse.Namespace,
    pieces: bool,  # noqa: FBT001
) -> Figures:
    payload = {"bytes": int(given.mib * MIB), "pieces": pieces}
    async with httpx.AsyncClient(base_url=service.url, timeout=300) as http:
        await _job(http, {"bytes": 1})
        await wait_until("the first is done", lambda: _completed(database, 1))
        idle, late = beside.memory(service.pid), asyncio.create_task(_lateness(service.url))
        began = time.perf_counter()
        await asyncio.gather(*(_job(http, payload) for _ in range(given.jobs)))
        await wait_until("all are done", lambda: _completed(database, 1 + given.jobs), 300)
        seconds = time.perf_counter() - began
        late.cancel()
    waits = await late
    return {
        "jobs/s": given.jobs / seconds,
        "MiB idle": idle,
        "MiB peak": beside.memory(service.pid, "VmHWM"),
        "late p50 ms": statistics.median(waits) * 1000,
        "late max ms": max(waits) * 1000,
    }


async def _job(http: httpx.AsyncClient, payload: dict[str, Any]) -> None:
    data = {"job_id": f"bench-{uuid.uuid4().hex[:8]}", "agent_definition": {"graph": "large"}, "input_payload": payload}
    (await http.post("/", json=enveloped(data), headers=STRUCTURED)).raise_for_status()


async def _completed(database: psycopg.AsyncConnection[Any], jobs: int) -> bool:
    """By the database: an answer of the service would bring the results along, which is not what is measured."""
    found = await database.execute("SELECT count(*) FROM jobs WHERE status = 'completed'")
    return await found.fetchone() == (jobs,)


async def _lateness(url: str) -> list[float]:
    waits = [0.0]
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        with suppress(asyncio.CancelledError):
            while True:
                began = time.perf_counter()
                await http.get("/health")
                waits.append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE_SECONDS)
    return waits


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-large", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--jobs", type=int, default=8, help="how many results a round comes to (default 8)")
    parser.add_argument("--at-once", type=int, default=4, help="how many at once (default 4)")
    parser.add_argument("--mib", type=float, default=10, help="how large each is (default 10)")
    parser.add_argument("--alone", action="store_true", help="without the image that landed last")
    given = parser.parse_args()
    found = asyncio.run(measure(beside.images(alone=given.alone), given))
    print(beside.table(found, {"form": 8, "image": 8}, COLUMNS, 13))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
