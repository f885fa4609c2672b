"""What naming a thread costs, and a flood of jobs on one thread, beside the image that landed last.

Interleaved rounds; each is one service that works off so many messages. In `flood` those of one thread come first.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from contract import Env
from executor import embedded
from executor.broker import connect
from executor.embedded.commands import Service
from executor.embedded.loopback import wait_until
from executor.settings import NatsSettings, PostgresSettings
from tests import rig
from tests.bench import beside
from tests.bench.beside import Figures
from tests.integration.world import enveloped
from tests.upgrade.images import Image

GRAPHS = Path(__file__).parent / "langgraph.json"
FORMS = ("alone", "named", "chats", "one", "flood")
OF_CHAT = 10  # jobs of each thread
PUBLISHED_AT_ONCE = 200
COLUMNS = {"jobs/s": 1, "ms CPU": 2, "flood/s": 1}


async def measure(images: Sequence[Image], given: argparse.Namespace) -> list[Figures]:
    """The figures of every measurement."""
    found = []
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        for number in range(given.rounds):
            for form in given.forms:
                for image in images:
                    print(f"round {number + 1} of {given.rounds}, {form}: {image}", file=sys.stderr)
                    figures = await _one(image, servers, given, form)
                    found.append({"image": image.name, "form": form, **figures})
    return found


async def _one(image: Image, servers: embedded.Servers, given: argparse.Namespace, form: str) -> Figures:
    more = {Env.EXECUTOR_CONCURRENCY: str(given.at_once), Env.EXECUTOR_LOG_LEVEL: "error"}
    async with beside.own_place(servers.environment()) as place:
        connecting = psycopg.AsyncConnection.connect(**PostgresSettings.read(place).conninfo(), autocommit=True)
        async with beside.at_work(image, place, GRAPHS, **more) as service, await connecting as database:
            return await _worked(service, database, NatsSettings.read(place), given, form)


async def _worked(
    service: Service, database: psycopg.AsyncConnection[Any], nats: NatsSettings, given: argparse.Namespace, form: str
) -> Figures:
    await _publish(nats, [_event("warm-0")])
    await wait_until("the first is done", lambda: _are_done(database, "warm", 1))
    events = [_event(f"job-{n}", _thread(form, n)) for n in range(given.jobs)]
    flood = [_event(f"flood-{n}", "flood") for n in range(given.flood)] if form == "flood" else []
    began, cpu = time.perf_counter(), beside.spent(service.pid)
    await _publish(nats, [*flood, *events])
    with suppress(TimeoutError):
        await wait_until("the others are done", lambda: _are_done(database, "job", given.jobs), given.seconds, 0.1)
    seconds, cpu = time.perf_counter() - began, beside.spent(service.pid) - cpu
    jobs, floods = await _done(database, "job"), await _done(database, "flood")
    return {"jobs/s": jobs / seconds, "ms CPU": 1000 * cpu / max(jobs + floods, 1), "flood/s": floods / seconds}


def _thread(form: str, number: int) -> str | None:
    return {"named": f"thread-{number}", "chats": f"chat-{number // OF_CHAT}", "one": "one"}.get(form)


def _event(job_id: str, thread: str | None = None) -> bytes:
    data = {"job_id": job_id, "agent_definition": {"graph": "three"}, "input_payload": {"said": "x" * 1000}}
    return json.dumps(enveloped(data | ({"thread_id": thread} if thread else {}))).encode()


async def _publish(nats: NatsSettings, events: Sequence[bytes]) -> None:
    async with connect(nats) as broker:
        for start in range(0, len(events), PUBLISHED_AT_ONCE):
            some = events[start : start + PUBLISHED_AT_ONCE]
            await asyncio.gather(*(broker.jetstream.publish(nats.subject("execute", "bench"), each) for each in some))


async def _are_done(database: psycopg.AsyncConnection[Any], kind: str, jobs: int) -> bool:
    return await _done(database, kind) >= jobs


async def _done(database: psycopg.AsyncConnection[Any], kind: str) -> int:
    query = "SELECT count(*) FROM jobs WHERE status = 'completed' AND job_id LIKE %s"
    [count] = await (await database.execute(query, [f"{kind}-%"])).fetchone() or (0,)
    return int(count)


def main() -> None:
    """Measure, print the table, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-threads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--jobs", type=int, default=600, help="jobs whose pace is measured (default 600)")
    parser.add_argument("--flood", type=int, default=10_000, help="jobs of the flood (default 10000)")
    parser.add_argument("--at-once", type=int, default=32, help="how many at once (default 32)")
    parser.add_argument("--seconds", type=float, default=600, help="when a measurement is given up (default 600)")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS, help="what is measured (default all)")
    parser.add_argument("--alone", action="store_true", help="without the image that landed last")
    given = parser.parse_args()
    found = asyncio.run(measure(beside.images(alone=given.alone), given))
    print(beside.table(found, {"form": 8, "image": 8}, COLUMNS, 10))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
