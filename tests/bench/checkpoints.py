"""Jobs per second of a three-node graph on each saver: LangGraph's own, ours, one in memory, none.

    python -m tests.bench.checkpoints --rounds 5 --seconds 1.5 --at-once 8,32,64 --nodes noop,slow

One process, one server. LangGraph's own savers run as they come, on asyncio's loop; ours as in the service, on uvloop
with its settings of the garbage collector; those "in our process" are LangGraph's savers in the service's way. Rounds
are interleaved and each has its own order, so that whatever else the machine does falls on all; ratios are taken round
by round, and only they travel.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any, TypeVar

import psycopg
import structlog
import uvloop
from langgraph.checkpoint.memory import InMemorySaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from executor import checkpoints, embedded, migrate
from executor.app import settle_memory
from executor.settings import CheckpointSettings, PostgresSettings
from executor.telemetry import Metrics
from tests.bench.checkpoints_graphs import loop, three
from tests.bench.graph import payload
from tests.bench.watch import counted, cpu_seconds, postmaster
from tests.integration.checkpoints.lab import claim_of

STOCK_SYNC, STOCK_EXIT, MEMORY, NONE = AS_THEY_COME = ("stock, sync", "stock, exit", "in memory", "none")
OURS, KEEPING = "ours, sync", "ours, sync, writes kept"
IN_OURS = {f"{name}, in our process": name for name in AS_THEY_COME}
VARIANTS = (OURS, KEEPING, *AS_THEY_COME, *IN_OURS)
BESIDE = (STOCK_SYNC, STOCK_EXIT, MEMORY)
STORED = (OURS, KEEPING, STOCK_SYNC, STOCK_EXIT)
USUAL_GC = gc.get_threshold()
WARM = 12
COUNTED = 100
SEEDED = 50
STEPS = 100

JOBS = """
INSERT INTO jobs (job_id, thread_id, digest, status, epoch)
SELECT name, name, '', 'running', 1 FROM unnest(%s::text[]) AS name
"""
FINISHED = "UPDATE jobs SET status = 'completed', finished_at = now() WHERE status = 'running'"
COUNTERS = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid
"""
COPY = "INSERT INTO {0} (thread_id, {1}) SELECT thread_id || n, {1} FROM {0}, generate_series(1, 100) AS n"
SIZE = "SELECT coalesce(sum(pg_column_size({0}.*)), 0) AS bytes, count(*) AS rows FROM {0} WHERE thread_id = %s"
COPIES = {
    "checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
    "checkpoint_blobs": "checkpoint_ns, channel, version, type, blob",
    "checkpoint_writes": "checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path",
}

T = TypeVar("T")
Job = Callable[[str], Awaitable[Any]]
Figures = dict[str, float]
Results = dict[tuple[str, int, str], list[Figures]]  # by nodes, at once, variant


@dataclass(frozen=True)
class Rig:
    """An open server, and the savers on it."""

    admin: psycopg.AsyncConnection[dict[str, Any]]
    pool: AsyncConnectionPool[Any]
    savers: Mapping[str, checkpoints.Savers]
    postmaster: int
    log: Path

    def job(self, variant: str, graph: Any, given: Callable[[], Any] = payload) -> Job:
        """What runs one job of this variant on the thread of this name."""
        memory, stock, variant = InMemorySaver(), checkpoints.stock(self.pool), IN_OURS.get(variant, variant)

        async def run(name: str) -> Any:
            config: Any = {"configurable": {"thread_id": name}, "recursion_limit": 2 * STEPS}
            if variant == NONE:
                return await graph.ainvoke(given(), config)
            savers = self.savers.get(variant)
            saver = savers.of(claim_of(name, 1, fresh=True)) if savers else memory if variant == MEMORY else stock
            durability = "exit" if variant == STOCK_EXIT else "sync"
            return await graph.copy(update={"checkpointer": saver}).ainvoke(given(), config, durability=durability)

        return run

    async def names(self, count: int) -> list[str]:
        """New jobs, claimed."""
        names = [uuid.uuid4().hex for _ in range(count)]
        await self.admin.execute(JOBS, [names])
        return names

    async def counters(self) -> Figures:
        cursor = await self.admin.execute(COUNTERS)
        row = await cursor.fetchone() or {}
        return {"wal": float(row["wal"]), "commits": float(row["xid"]), "pg": cpu_seconds(self.postmaster)}


async def measure(rig: Rig, variant: str, nodes: str, at_once: int, seconds: float) -> Figures:
    """Run jobs for so many seconds, at most so many at once."""
    job = rig.job(variant, three(nodes))
    names = iter(await rig.names(WARM + int(2500 * seconds)))
    await asyncio.gather(*(job(next(names)) for _ in range(WARM)))
    gc.collect()
    before, cpu, began, took = await rig.counters(), time.process_time(), time.perf_counter(), list[float]()

    async def client() -> None:
        while (start := time.perf_counter()) < began + seconds and (name := next(names, None)):
            await job(name)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(client() for _ in range(at_once)))
    wall, cpu, after, jobs = time.perf_counter() - began, time.process_time() - cpu, await rig.counters(), len(took)
    await rig.admin.execute(FINISHED)
    return {
        "jobs/s": jobs / wall,
        "ms Python": 1000 * cpu / jobs,
        "ms Postgres": 1000 * (after["pg"] - before["pg"]) / jobs,
        "commits": (after["commits"] - before["commits"]) / jobs,
        "WAL kB": (after["wal"] - before["wal"]) / jobs / 1024,
        "p50 ms": 1000 * statistics.median(took),
        "p99 ms": 1000 * sorted(took)[int(len(took) * 0.99)],
    }


async def statements(rig: Rig, variant: str) -> float:
    """SQL statements a job, out of the server's log, with 32 at once."""
    job, names = rig.job(variant, three("quick")), await rig.names(COUNTED)
    slots = asyncio.Semaphore(32)

    async def one(name: str) -> None:
        async with slots:
            await job(name)

    async with counted(rig.admin, rig.log) as found:
        await asyncio.gather(*(one(name) for name in names))
    return found.count / COUNTED


async def growth(rig: Rig, variant: str) -> str:
    """What lies in the tables for a thread of a hundred steps, each of which adds a kilobyte to a list."""
    [name] = await rig.names(1)
    await rig.job(variant, loop(STEPS), lambda: {"notes": []})(name)
    sizes = []
    for table in COPIES:
        row = await (await rig.admin.execute(SIZE.format(table).encode(), [name])).fetchone() or {}
        sizes.append((int(row["bytes"]), int(row["rows"])))
    parts = ", ".join(f"{rows} {table} {size / 1024:.0f} kB" for table, (size, rows) in zip(COPIES, sizes, strict=True))
    return f"{variant:<26}{sum(size for size, _ in sizes) / 1024:>10.0f} kB   ({parts})"


async def seed(rig: Rig) -> None:
    """A database in use: the planner chooses as in production."""
    names = await rig.names(SEEDED)
    await asyncio.gather(*map(rig.job(STOCK_SYNC, three("quick")), names))
    for table, columns in COPIES.items():
        await rig.admin.execute(COPY.format(table, columns).encode())
    await rig.admin.execute(FINISHED)
    await tidy(rig)


async def tidy(rig: Rig) -> None:
    await rig.admin.execute("VACUUM ANALYZE")
    await rig.admin.execute("CHECKPOINT")


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Rig, Rig, asyncio.AbstractEventLoop]]:
    """What runs on this loop, what runs on asyncio's own, and that loop, which has a thread of its own."""
    loop = asyncio.SelectorEventLoop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    async with embedded.servers() as servers, opened_on(servers) as ours:
        aside = opened_on(servers)
        try:
            yield ours, await on(loop, aside.__aenter__()), loop
        finally:
            await on(loop, aside.__aexit__(None, None, None))
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


async def on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Wait for what another loop does."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


@asynccontextmanager
async def opened_on(servers: embedded.Servers) -> AsyncIterator[Rig]:
    postgres = PostgresSettings.read(servers.environment())
    await asyncio.to_thread(migrate.migrate, postgres, migrate.default_folder())
    kwargs = postgres.conninfo() | {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    settings = [CheckpointSettings.read({"EXECUTOR_CHECKPOINT_WRITES": writes}) for writes in ("drop", "keep")]
    async with (
        AsyncConnectionPool(kwargs=kwargs, min_size=8, max_size=8, open=False) as pool,
        checkpoints.open_savers(settings[0], postgres, pool, Metrics()) as ours,
        checkpoints.open_savers(settings[1], postgres, pool, Metrics()) as keeping,
        await psycopg.AsyncConnection.connect(**kwargs) as admin,
    ):
        await admin.execute("ALTER SYSTEM SET autovacuum = off")
        yield Rig(admin, pool, {OURS: ours, KEEPING: keeping}, postmaster(servers), servers.postgres.log)


async def run(rounds: int, seconds: float, levels: Sequence[int], nodes: Sequence[str]) -> None:
    results: Results = defaultdict(list)
    random = Random()  # noqa: S311 - an order, no secret
    async with opened() as (rig, aside, loop):
        await seed(rig)
        for number in range(rounds):
            await tidy(rig)
            for kind, level in [(kind, level) for kind in nodes for level in levels]:
                for variant in random.sample(VARIANTS, len(VARIANTS)):
                    told = f"round {number + 1} of {rounds}: {kind}, {level}, {variant}"
                    print(f"\r{told:<60}", end="", file=sys.stderr)
                    if variant in AS_THEY_COME:
                        gc.set_threshold(*USUAL_GC)
                        work = on(loop, measure(aside, variant, kind, level, seconds))
                    else:
                        settle_memory()
                        work = measure(rig, variant, kind, level, seconds)
                    results[kind, level, variant].append(await work)
        print(file=sys.stderr)
        for kind, level in [(kind, level) for kind in nodes for level in levels]:
            print(f"{kind} nodes, {level} at once\n{table(results, kind, level)}\n")
        counted = [f"{variant} {await statements(rig, variant):.2f}" for variant in STORED]
        print(f"SQL statements a job, 32 at once: {'; '.join(counted)}\n")
        print(f"A thread of {STEPS} steps that add a kilobyte each")
        print("\n".join([await growth(rig, variant) for variant in STORED]))


def table(results: Results, nodes: str, level: int) -> str:
    """Medians; of jobs per second and of the ratios also the least and the most."""
    columns = [name for name in results[nodes, level, NONE][0] if name != "jobs/s"]
    head = f"{'':<26}{'jobs/s':>18}" + "".join(f"{name:>12}" for name in columns)
    head += "".join(f"{f'x {base}':>20}" for base in BESIDE)
    rows = []
    for variant in VARIANTS:
        found = results[nodes, level, variant]
        cells = [f"{variant:<26}{spread([each['jobs/s'] for each in found], 0):>18}"]
        cells += [f"{statistics.median(each[name] for each in found):>12.2f}" for name in columns]
        for base in BESIDE:
            pairs = zip(found, results[nodes, level, base], strict=True)
            cells.append(f"{spread([mine['jobs/s'] / other['jobs/s'] for mine, other in pairs], 2):>20}")
        rows.append("".join(cells))
    return "\n".join([head, *rows])


def spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-checkpoints", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each time (default 1.5)")
    parser.add_argument("--at-once", default="8,32,64", help="how many jobs are at work at once (default 8,32,64)")
    parser.add_argument("--nodes", default="noop,slow", help="noop, quick (append a message), slow (so, in 20-60 ms)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    levels = [int(level) for level in given.at_once.split(",")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(given.rounds, given.seconds, levels, given.nodes.split(",")))


if __name__ == "__main__":
    main()
