"""Who waits for a job over HTTP, on real servers: answered once, whoever goes or stops meanwhile."""

import asyncio
import json
import signal
from dataclasses import dataclass

import httpx
import pytest

from executor.api import waits
from executor.api.server import serve as serve_http
from executor.api.service import JobService
from executor.api.state import State
from executor.embedded.loopback import HOST, free_port, listens, wait_until
from executor.telemetry import Metrics
from tests.integration.durable.aftermath import becomes
from tests.integration.durable.steps import job, until
from tests.integration.durable.workers import working
from tests.integration.world import STRUCTURED, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

NEVER = 1e9


@pytest.fixture(autouse=True)
def told_alone(monkeypatch):
    """Whoever is not told waits for ever."""
    monkeypatch.setattr(waits, "LOOK_SECONDS", NEVER)


@dataclass
class Served:
    """A service in this process, and its address."""

    jobs: JobService
    stop: asyncio.Event
    http: httpx.AsyncClient
    port: int


@pytest.fixture
async def served(place, steps):
    """A service at work here, with its API."""
    state, port, quiet = State(Metrics()), free_port(), asyncio.Event()
    limits = httpx.Limits(max_connections=None)
    async with (
        working(place.environment, steps.graph()) as running,
        httpx.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=60, limits=limits) as http,
    ):
        state.jobs = running.service.jobs
        serving = asyncio.create_task(serve_http(state, port, quiet))
        await wait_until("it listens", lambda: listens(port))
        yield Served(running.service.jobs, running.stop, http, port)
        quiet.set()
        await serving


def post(served, job_id):
    headers = STRUCTURED | {"prefer": "wait=60"}
    return asyncio.create_task(served.http.post("/", json=job(job_id), headers=headers))


async def test_all_who_wait_for_one_job_get_the_same(served, steps, name):
    ready = asyncio.Event()
    steps.acts[name, "b"] = until(ready)
    posts = [post(served, name) for _ in range(60)]
    await wait_until("all wait", lambda: are_waiting(served, name, 60))
    ready.set()
    answers = [await each for each in posts]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert answers[0].json()["result"]["final_state"]["done"] == ["a", "b", "c"]
    assert steps.of(name) == "abc"


async def are_waiting(served, name, count):
    awaited = served.jobs.waits._awaited.get(name)
    return (awaited.waiting if awaited else 0) == count


async def test_a_client_that_goes_leaves_nothing_behind(served, steps, name):
    steps.acts[name, "b"] = until(asyncio.Event())
    body = json.dumps(job(name)).encode()
    _, writer = await asyncio.open_connection(HOST, served.port)
    head = f"POST / HTTP/1.1\r\nhost: here\r\nprefer: wait=300\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}content-type: application/cloudevents+json\r\n\r\n".encode() + body)
    await wait_until("it waits", lambda: are_waiting(served, name, 1))
    writer.close()
    await wait_until("nobody does", lambda: are_waiting(served, name, 0))
    assert served.jobs.waits._awaited == {}


async def test_who_waits_is_answered_when_the_service_stops(served, steps, name):
    """The job is no less durable."""
    steps.acts[name, "b"] = until(asyncio.Event())
    posts = [post(served, name) for _ in range(3)]
    await wait_until("all wait", lambda: are_waiting(served, name, 3))
    served.stop.set()
    answers = [await each for each in posts]
    late = await post(served, name)
    assert {(answer.status_code, answer.headers["location"]) for answer in (*answers, late)} == {(202, f"/jobs/{name}")}


async def test_a_pod_that_is_told_to_end_answers_who_waits_and_ends(place, fork, name):
    service = fork(EXECUTOR_DRAIN_SECONDS="0")
    await service.until_ready()
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
        body = event(name, {"say": "slow", "delay": 60})
        asking = asyncio.create_task(http.post("/", json=body, headers=STRUCTURED | {"prefer": "wait=60"}))
        await becomes(place, name, "running")
        service.send(signal.SIGTERM)
        answer = await asking
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{name}")
    assert await service.ended() == 0
