"""Graphs of the image in a running service: what they declare they need is what they get."""

import json

import httpx
import pytest

from contract import Env
from tests.integration.world import STRUCTURED, data, enveloped, unique, until

pytestmark = pytest.mark.anyio

AGENT = """
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

HERE = Path(__file__).parent


@dataclass
class Context:
    name: str
    greeting: str = "Hello"


@dataclass
class Card:
    text: str


class State(TypedDict):
    said: str
    card: Card


async def greet(state: State, runtime: Runtime[Context]):
    said = f"{runtime.context.greeting}, {runtime.context.name}."
    return {"said": said, "card": Card(said)}


async def ask(state: State, runtime: Runtime[Context]):
    return {"said": f"{state['said']} {interrupt('?')}, {runtime.context.name}?"}


greeter = StateGraph(State, context_schema=Context).add_node("greet", greet).add_node("ask", ask)
greeter = greeter.add_edge(START, "greet").add_edge("greet", "ask").add_edge("ask", END)


@asynccontextmanager
async def managed(config):
    (HERE / "open").touch()
    yield greeter.compile()
    (HERE / "open").unlink()
"""


@pytest.fixture
async def greeting(own, serve, tmp_path):
    """A service whose image brings a graph along, and the folder that it lies in."""
    (tmp_path / "agent.py").write_text(AGENT)
    file = tmp_path / "langgraph.json"
    file.write_text(json.dumps({"graphs": {"greeter": "./agent.py:managed"}}))
    return await serve({**own.environment, Env.EXECUTOR_GRAPHS: str(file)})


def wanting(job_id, **more):
    return enveloped({**data(job_id, definition={"graph": "greeter"}), "input_payload": {"said": ""}, **more})


async def test_a_job_gives_its_graph_a_context_before_and_after_it_waits_for_a_person(own, greeting, job_id):
    async with httpx.AsyncClient(base_url=greeting.url) as http:

        async def is_interrupted():
            return (await http.get(f"/jobs/{job_id}")).json().get("status") == "interrupted"

        body = wanting(job_id, context={"name": "Ada"})
        assert (await http.post("/", json=body, headers=STRUCTURED)).status_code == 202
        await until("a person is asked", is_interrupted)
        await http.post(f"/jobs/{job_id}/resume", json={"resume": "How are you"})
    [completed] = await own.ended(job_id)
    assert completed.data["result"]["final_state"]["said"] == "Hello, Ada. How are you, Ada?"


async def test_a_context_that_the_graph_does_not_take_is_the_senders_error(own, greeting, job_id):
    complaint = "data.context.name: is missing"
    async with httpx.AsyncClient(base_url=greeting.url) as http:
        answer = await http.post("/", json=wanting(job_id), headers=STRUCTURED)
        assert (answer.status_code, answer.json()["field"]) == (400, "data.context.name")
        same = await http.post("/", json=wanting(unique(), context={"name": 5}), headers=STRUCTURED)
        assert (same.status_code, same.json()["detail"]) == (400, "data.context.name: must be a string")
    await own.publish(wanting(job_id))
    [failed] = await own.ended(job_id)
    error = {"type": "invalid_context", "message": complaint, "retryable": False, "attempts": 1}
    assert (failed.word, failed.data["error"]) == ("failed", error)


async def test_the_same_id_with_another_context_is_another_job(greeting, job_id):
    async with httpx.AsyncClient(base_url=greeting.url) as http:
        answers = [
            await http.post("/", json=wanting(job_id, context={"name": name}), headers=STRUCTURED)
            for name in ("Ada", "Ada", "Bob")
        ]
    assert [answer.status_code for answer in answers] == [202, 202, 409]


async def test_a_managed_graph_is_closed_with_the_service_and_a_lost_class_is_in_its_log(greeting, tmp_path):
    assert (tmp_path / "open").exists()
    [doubt] = [line for line in map(json.loads, greeting.tail(100).splitlines()) if "doubt" in line]
    assert doubt["doubt"].startswith("graphs.greeter: channel 'card': langgraph_json_greeter.Card comes back ")
    assert await greeting.stop() == 0
    assert not (tmp_path / "open").exists()
