"""Clients go on where they were when what they talk to goes away."""

import asyncio
from pathlib import Path

import pytest
from langgraph_sdk import get_client

from contract import Env
from executor.embedded.loopback import free_port, wait_until

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


@pytest.fixture
def agents(own):
    """The environment of pods that have the agents, all on one port, one after the other."""
    return {**own.environment, Env.EXECUTOR_GRAPHS: str(HERE / "langgraph.json"), Env.PORT: str(free_port())}


async def test_a_stream_goes_on_at_the_next_pod_when_its_own_is_killed(own, agents, serve, tmp_path):
    first, gate = await serve(agents), tmp_path / "open"
    told = []
    async with get_client(url=first.url, api_key=None) as client:

        async def listen():
            stream = client.runs.stream(None, "gated", input={"gate": str(gate)}, stream_mode=["updates", "values"])
            told.extend([(part.event, part.data) async for part in stream])

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())

            async def waits():
                found = [entry for thread in await threads(own) for entry in await own.entries(thread)]
                return any((entry["type"], entry["node"]) == ("node_start", "wait") for entry in found)

            await wait_until("the second step waits", waits, 30, every=0.05)
            await first.kill()
            gate.touch()
            await own.let_time_pass()
            await serve(agents)
    updates = [data for event, data in told if event == "updates"]
    assert updates == [{"first": {"seen": ["first"]}}, {"wait": {"seen": ["waited"]}}]
    assert told[-2:] == [("values", {"seen": ["first", "waited"], "gate": str(gate)}), ("end", None)]


async def threads(own):
    return [row["thread_id"] for row in await own.rows("SELECT thread_id FROM jobs")]
