"""What large results cost a service beside the image that landed last: memory, and how late it answers others.

Interleaved rounds; each is one service that comes to so many results at once.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
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
from executor.embedded.loopback import free_port, wait_until
from executor.settings import PostgresSettings
from tests import rig
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade import landed
from tests.upgrade.images import Image
from tools.version import ROOT

GRAPHS = Path(__file__).parent / "langgraph.json"
MIB = 1 << 20
PAUSE_SECONDS = 0.02  # between two looks at how late it answers
COLUMNS = {"jobs/s": 2, "MiB idle": 0, "MiB peak": 0, "late p50 ms": 1, "late max ms": 0}

Figures = dict[str, Any]


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
    tag = f"b{uuid.uuid4().hex[:10]}"
    environment = servers.environment()
    own = environment | {
        Env.NATS_STREAM_NAME: tag.upper(),
        Env.NATS_CONSUMER_GROUP: tag,
        Env.EXECUTOR_SUBJECT_PREFIX: tag,
        Env.POSTGRES_DB: tag,
        Env.EXECUTOR_GRAPHS: str(GRAPHS),
        Env.EXECUTOR_CONCURRENCY: str(given.at_once),
        Env.EXECUTOR_DRAIN_SECONDS: "0",
        Env.PORT: str(free_port()),
    }
    async with rig.database(environment, tag), rig.streams(environment, tag.upper()):
        await rig.provision(own)
        with tempfile.TemporaryDirectory() as folder:
            connecting = psycopg.AsyncConnection.connect(**PostgresSettings.read(own).conninfo(), autocommit=True)
            running = Service(own, log=Path(folder) / "log", program=image.program)
            async with running as service, await connecting as database:
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
        idle, late = _memory(service.pid, "VmRSS"), asyncio.create_task(_lateness(service.url))
        began = time.perf_counter()
        await asyncio.gather(*(_job(http, payload) for _ in range(given.jobs)))
        await wait_until("all are done", lambda: _completed(database, 1 + given.jobs), 300)
        seconds = time.perf_counter() - began
        late.cancel()
    waits = await late
    return {
        "jobs/s": given.jobs / seconds,
        "MiB idle": idle,
        "MiB peak": _memory(service.pid, "VmHWM"),
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


def _memory(pid: int | None, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


def table(found: Sequence[Figures]) -> str:
    """A line for each form and image: medians over the rounds."""
    head = f"{'form':<8}{'image':<8}" + "".join(f"{name:>13}" for name in COLUMNS)
    return "\n".join([head, *(_row(form, image, found) for form, image in dict.fromkeys(map(_case, found)))])


def _row(form: str, image: str, found: Sequence[Figures]) -> str:
    mine = [each for each in found if _case(each) == (form, image)]
    cells = [f"{statistics.median(each[name] for each in mine):>13.{digits}f}" for name, digits in COLUMNS.items()]
    return f"{form:<8}{image:<8}{''.join(cells)}"


def _case(figures: Figures) -> tuple[str, str]:
    return figures["form"], figures["image"]


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-large", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--jobs", type=int, default=8, help="how many results a round comes to (default 8)")
    parser.add_argument("--at-once", type=int, default=4, help="how many at once (default 4)")
    parser.add_argument("--mib", type=float, default=10, help="how large each is (default 10)")
    parser.add_argument("--alone", action="store_true", help="without the image that landed last")
    given = parser.parse_args()
    images = [Image("new", ROOT), *([] if given.alone else [Image("landed", landed.provide())])]
    found = asyncio.run(measure(images, given))
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
