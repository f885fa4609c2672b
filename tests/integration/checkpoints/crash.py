"""SIGKILL in the middle of many jobs, again and again: which nodes run again?

    python -m tests.integration.checkpoints.crash --kills 20 --jobs 900

The graph is START -> a -> (p, q in parallel, q slower) -> d -> END. Each node notes its start and its end in a file;
each process goes on with what is unfinished, from the checkpoint where the thread has one. A node that runs again was

    in flight   it had not ended
    ended       it had, and its result was not committed yet
    repeated    a later step had begun, or an earlier process had gone on without it: it was committed, so never again
"""

import argparse
import asyncio
import json
import operator
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph

from executor import embedded, migrate
from executor.embedded.loopback import wait_until
from executor.embedded.process import Process
from executor.settings import PostgresSettings
from tests.integration.checkpoints.lab import Lab, at, lab_on

AFTER: dict[str, Sequence[str]] = {"a": ("p", "q"), "p": ("d",), "q": ("d",), "d": ()}
WAITS = {"a": (0.001, 0.03), "p": (0.001, 0.01), "q": (0.01, 0.08), "d": (0.001, 0.03)}
OUTSTANDING = 32
KILLED_AFTER = (0.1, 0.4)
MODULE = "tests.integration.checkpoints.crash"
SAVERS = ("group", "stock")


class State(TypedDict):
    job: str
    done: Annotated[list[str], operator.add]


@dataclass(frozen=True)
class Note:
    """A line of the file: what (start, end, input, resume, done) happened to a node of a job, in which process."""

    life: int
    job: str
    what: str
    node: str


def graph(note: Any, random: Random) -> Any:
    def node(name: str) -> Any:
        async def run(state: State) -> Any:
            note(state["job"], "start", name)
            await asyncio.sleep(random.uniform(*WAITS[name]))
            note(state["job"], "end", name)
            return {"done": [name]}

        return run

    built: Any = StateGraph(State)
    for name in AFTER:
        built.add_node(name, node(name))
    for start, end in ((START, "a"), ("a", "p"), ("a", "q"), (["p", "q"], "d")):
        built.add_edge(start, end)
    return built.compile()


async def live(life: int, saver: str, file: Path, jobs: Iterable[str]) -> None:
    """One process: go on with the jobs until it is killed or they are done."""
    log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(job: str, what: str, node: str) -> None:
        os.write(log, f"{life} {job} {what} {node}\n".encode())

    built, left = graph(note, Random(life)), iter(jobs)  # noqa: S311 - waits, no secrets
    async with lab_on(PostgresSettings.read(os.environ), saver=saver) as lab:

        async def client() -> None:
            for job in left:
                await finish(lab, built, job, note)

        await asyncio.gather(*(client() for _ in range(OUTSTANDING)))


async def finish(lab: Lab, built: Any, job: str, note: Any) -> None:
    claim = await lab.claim(job)
    known = claim.epoch > 1 and await lab.stock.aget_tuple(at(job)) is not None
    note(job, "resume" if known else "input", "-")
    bound = built.copy(update={"checkpointer": lab.savers.of(claim)})
    result = await bound.ainvoke(None if known else {"job": job, "done": []}, at(job), durability="sync")
    assert sorted(result["done"]) == ["a", "d", "p", "q"], result
    note(job, "done", "-")


async def crash(environment: dict[str, str], saver: str, *, kills: int, jobs: int, seed: int) -> Counter[str]:
    """Kill `kills` processes, let one more finish, and count."""
    random = Random(seed)  # noqa: S311 - moments, no secrets
    left = [f"{saver}-{seed}-{number}" for number in range(jobs)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "notes"
        file.touch()
        for life in range(kills + 1):
            command = [sys.executable, "-m", MODULE, "--life", str(life), "--saver", saver, "--file", str(file)]
            todo(file).write_text(json.dumps(left))
            process = Process(command, environment=dict(os.environ) | environment)
            await one_life(process, file, random.uniform(*KILLED_AFTER) if life < kills else None)
            done = {note.job for note in read(file) if note.what == "done"}
            left = [job for job in left if job not in done]
        assert not left
        return judge(read(file))


async def one_life(process: Process, file: Path, seconds: float | None) -> None:
    """Let the process end, or kill it so many seconds after its first note."""
    size = length(file)

    async def noted() -> bool:
        return length(file) > size

    async with process:
        if seconds is None:
            assert await process.wait() == 0
            return
        await wait_until("the first note", noted, limit=60)
        await asyncio.sleep(seconds)
        os.kill(process.pid or 0, signal.SIGKILL)
        await process.wait()


def length(file: Path) -> int:
    return file.stat().st_size


def todo(file: Path) -> Path:
    """Where the jobs of the next process stand."""
    return file.with_name("todo")


def read(file: Path) -> list[Note]:
    lines = (line.split() for line in file.read_text().splitlines())
    return [Note(int(life), job, what, node) for life, job, what, node in lines]


def judge(notes: Iterable[Note]) -> Counter[str]:
    """How often a node ran again, by why; how many jobs went on, and how many began anew."""
    counted: Counter[str] = Counter()
    jobs = defaultdict(list)
    for note in notes:
        jobs[note.job].append(note)
    for mine in jobs.values():
        for number, note in enumerate(mine):
            before = [each for each in mine[:number] if each.life < note.life]
            if before and note.what in ("input", "resume"):
                counted["began anew" if note.what == "input" else "went on"] += 1
            if note.what == "start" and any(each.what == "start" and each.node == note.node for each in before):
                counted[why(note, before)] += 1
    return counted


def why(again: Note, before: Sequence[Note]) -> str:
    last = max(each.life for each in before if each.node == again.node)
    started = {each.node for each in before if each.what == "start"}
    without = {each.life for each in before if each.what == "start" and each.life > last}
    if started.intersection(AFTER[again.node]) or without:
        return "repeated"
    ended = any(each.what == "end" and each.node == again.node and each.life == last for each in before)
    return "ended" if ended else "in flight"


async def main(kills: int, jobs: int, seed: int) -> None:
    async with embedded.servers() as servers:
        environment = servers.environment()
        postgres = PostgresSettings.read(environment)
        await asyncio.to_thread(migrate.migrate, postgres, migrate.default_folder())
        for saver in SAVERS:
            began = time.monotonic()
            counted = await crash(environment, saver, kills=kills, jobs=jobs, seed=seed)
            seconds = time.monotonic() - began
            sys.stdout.write(f"{saver}: {kills} kills, {jobs} jobs, {seconds:.0f} s: {dict(counted)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--life", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--saver", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.life is None:
        asyncio.run(main(given.kills, given.jobs, given.seed))
    else:
        asyncio.run(live(given.life, given.saver, given.file, json.loads(todo(given.file).read_text())))
