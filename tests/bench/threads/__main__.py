"""What naming a thread costs, and a flood of jobs on one thread, beside the image that landed last.

Interleaved rounds; each is one service that works off so many messages. In `flood` those of one thread come first.
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

import psycopg

from contract import Env
from executor import embedded
from executor.broker import connect
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port, wait_until
from executor.settings import NatsSettings, PostgresSettings
from tests import rig
from tests.integration.world import enveloped
from tests.upgrade import landed
from tests.upgrade.images import Image
from tools.version import ROOT

GRAPHS = Path(__file__).parent / "langgraph.json"
FORMS = ("alone", "named", "chats", "one", "flood")
OF_CHAT = 10  # jobs of each thread
PUBLISHED_AT_ONCE = 200
COLUMNS = {"jobs/s": 1, "ms CPU": 2, "flood/s": 1}

Figures = dict[str, Any]


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
        Env.EXECUTOR_LOG_LEVEL: "error",
        Env.PORT: str(free_port()),
    }
    async with rig.database(environment, tag), rig.streams(environment, tag.upper()):
        await rig.provision(own)
        with tempfile.TemporaryDirectory() as folder:
            connecting = psycopg.AsyncConnection.connect(**PostgresSettings.read(own).conninfo(), autocommit=True)
            running = Service(own, log=Path(folder) / "log", program=image.program)
            async with running as service, await connecting as database:
                return await _worked(service, database, NatsSettings.read(own), given, form)


async def _worked(
    service: Service, database: psycopg.AsyncConnection[Any], nats: NatsSettings, given: argparse.Namespace, form: str
) -> Figures:
    await _publish(nats, [_event("warm-0")])
    await wait_until("the first is done", lambda: _are_done(database, "warm", 1))
    events = [_event(f"job-{n}", _thread(form, n)) for n in range(given.jobs)]
    flood = [_event(f"flood-{n}", "flood") for n in range(given.flood)] if form == "flood" else []
    began, cpu = time.perf_counter(), _cpu(service.pid)
    await _publish(nats, [*flood, *events])
    with suppress(TimeoutError):
        await wait_until("the others are done", lambda: _are_done(database, "job", given.jobs), given.seconds, 0.1)
    seconds, cpu = time.perf_counter() - began, _cpu(service.pid) - cpu
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


def _cpu(pid: int | None) -> float:
    """Seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def table(found: Sequence[Figures]) -> str:
    """A line for each form and image: medians over the rounds."""
    head = f"{'form':<8}{'image':<8}" + "".join(f"{name:>10}" for name in COLUMNS)
    return "\n".join([head, *(_row(form, image, found) for form, image in dict.fromkeys(map(_case, found)))])


def _row(form: str, image: str, found: Sequence[Figures]) -> str:
    mine = [each for each in found if _case(each) == (form, image)]
    cells = [f"{statistics.median(each[name] for each in mine):>10.{digits}f}" for name, digits in COLUMNS.items()]
    return f"{form:<8}{image:<8}{''.join(cells)}"


def _case(figures: Figures) -> tuple[str, str]:
    return figures["form"], figures["image"]


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
    images = [Image("new", ROOT), *([] if given.alone else [Image("landed", landed.provide())])]
    found = asyncio.run(measure(images, given))
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
