"""What a step of a long thread costs and stores: messages kept whole, and as what each step adds.

    python -m tests.bench.steps --steps 2000

One process, one server, our saver, a message of a kilobyte each step; a window of steps of one kind, then of the other.
"""

import argparse
import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from deepagents.graph import DeepAgentState
from langchain.agents import AgentState
from langchain_core.messages import AIMessage
from langgraph.graph import StateGraph

from executor import checkpoints, embedded, migrate
from executor.postgres.pool import open_pool
from executor.settings import CheckpointSettings, PostgresSettings
from executor.telemetry import Metrics
from tests.bench.checkpoints import JOBS
from tests.integration.checkpoints.lab import at, claim_of
from tools.version import ROOT

SCHEMAS: dict[str, Any] = {"whole": AgentState, "delta": DeepAgentState}
WINDOW = 100
STORED = """
SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM (
    SELECT blob FROM checkpoint_blobs WHERE thread_id = %(thread)s
    UNION ALL SELECT blob FROM checkpoint_writes WHERE thread_id = %(thread)s) AS t
"""

Figures = dict[str, list[dict[str, float]]]


async def measure(steps: int) -> Figures:
    """For each kind what every window of steps cost."""
    found: Figures = {name: [] for name in SCHEMAS}
    async with embedded.servers() as servers:
        postgres = PostgresSettings.read(servers.environment())
        await asyncio.to_thread(migrate.migrate, postgres, Path(ROOT) / "migrations")
        async with (
            open_pool(postgres) as pool,
            checkpoints.open_savers(CheckpointSettings.read({}), postgres, pool, Metrics()) as savers,
            await psycopg.AsyncConnection.connect(**postgres.conninfo(), autocommit=True) as admin,
        ):
            threads = {name: f"{name}-{uuid.uuid4().hex[:8]}" for name in SCHEMAS}
            await admin.execute(JOBS, [list(threads.values())])
            graphs = {name: _graph(SCHEMAS[name], savers.of(claim_of(threads[name], 1))) for name in SCHEMAS}
            for done in range(WINDOW, steps + 1, WINDOW):
                for name, graph in graphs.items():
                    seconds = await _window(graph, threads[name])
                    stored = await (await admin.execute(STORED, {"thread": threads[name]})).fetchone() or (0,)
                    window = {"steps": done, "ms a step": 1000 * seconds / WINDOW, "MB": int(stored[0]) / 1e6}
                    found[name].append(window)
    return found


def _graph(schema: Any, saver: Any) -> Any:
    """A loop of one node, until the window is over."""
    built: Any = StateGraph(schema)
    built.add_node("say", lambda _: {"messages": [AIMessage("x" * 1000)]})
    built.set_entry_point("say")
    built.add_conditional_edges("say", lambda state: "say" if len(state["messages"]) % WINDOW else "__end__")
    return built.compile(checkpointer=saver)


async def _window(graph: Any, thread: str) -> float:
    began = time.perf_counter()
    await graph.ainvoke({"messages": []}, at(thread) | {"recursion_limit": 2 * WINDOW}, durability="sync")
    return time.perf_counter() - began


def table(found: Figures) -> str:
    """A line for each window."""
    head = f"{'steps':>7}" + "".join(f"{f'{name} ms a step':>18}{'MB':>9}" for name in found)
    return "\n".join([head, *(_row(windows) for windows in zip(*found.values(), strict=True))])


def _row(windows: Sequence[dict[str, float]]) -> str:
    cells = [f"{window['ms a step']:>18.1f}{window['MB']:>9.1f}" for window in windows]
    return f"{windows[0]['steps']:>7.0f}{''.join(cells)}"


def main() -> None:
    """Measure and print, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-steps", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="how long the threads become (default 1000)")
    found = asyncio.run(measure(parser.parse_args().steps))
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
