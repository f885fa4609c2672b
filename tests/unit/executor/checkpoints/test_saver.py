"""What of a graph's run is committed at all."""

import asyncio
import operator
import time
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph

from executor.agents.stream import MODES
from executor.checkpoints.saver import JobSaver
from executor.checkpoints.unit import Unit
from executor.checkpoints.write_buffer import WriteBuffer
from executor.jobs.claims import Claim

pytestmark = pytest.mark.anyio

CLAIM = Claim("j", 1, 1, 0.0, datetime.now(UTC), fresh=True)


class State(TypedDict):
    seen: Annotated[list[str], operator.add]


async def say(_: State) -> dict[str, list[str]]:
    return {"seen": ["a"]}


async def test_of_a_chain_only_its_checkpoints_are_sent_however_busy_the_process_is():
    units: list[Unit] = []

    def commit(unit: Unit) -> asyncio.Future[None]:
        units.append(unit)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    nodes: Any = [("a", say), ("b", say), ("c", say)]
    graph = StateGraph(State).add_sequence(nodes).add_edge(START, "a")
    nobody: Any = None  # a fresh thread is not read
    saver = JobSaver(nobody, JsonPlusSerializer(), WriteBuffer(CLAIM, commit, keep_writes=False), fresh=True)
    busy = asyncio.create_task(_busy())
    at: Any = {"configurable": {"thread_id": "j"}}
    async for _ in graph.compile(checkpointer=saver).astream({"seen": []}, at, stream_mode=MODES, durability="sync"):
        pass
    busy.cancel()
    assert [(len(unit.rows.checkpoints), len(unit.rows.writes)) for unit in units] == [(2, 0), (1, 0), (1, 0), (1, 0)]


async def _busy() -> None:
    """Other jobs, which take their time at each turn of the event loop."""
    while True:
        time.sleep(0.005)  # noqa: ASYNC251 - so do they
        await asyncio.sleep(0)
