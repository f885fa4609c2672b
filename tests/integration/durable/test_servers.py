"""The servers under a service at work: gone, back, or never there again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from contract import Env
from executor.embedded.loopback import wait_until
from tests import rig
from tests.integration.durable.aftermath import at_rest, state
from tests.integration.durable.steps import job, until
from tests.integration.durable.workers import shorten_ack_wait, submit, working
from tests.integration.world import STRUCTURED, World, event, unique, world

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


@pytest.fixture
async def alone(own_servers, model) -> AsyncIterator[World]:
    """A world on servers that no other test has."""
    environment = own_servers.environment() | {
        Env.NATS_STREAM_NAME: "T",
        Env.NATS_CONSUMER_GROUP: "w",
        Env.OPENAI_API_KEY: "scripted",
        Env.OPENAI_BASE_URL: model.url,
    }
    await rig.provision(environment)
    await shorten_ack_wait(environment)
    async with world(environment) as mine:
        yield mine


@pytest.mark.parametrize("server", ["nats", "postgres", "dragonfly"])
async def test_jobs_of_two_workers_survive_a_server_that_dies_three_times(alone, own_servers, steps, server):
    jobs, enough = [], asyncio.Event()

    async def load():
        while not enough.is_set():
            jobs.append(unique())
            steps.acts[jobs[-1], "b"] = lambda: asyncio.sleep(0.3)
            await publish(alone, jobs[-1], f"thread-{len(jobs) % 4}")
            await asyncio.sleep(0.05)

    async with working(alone.environment, steps.graph()), working(alone.environment, steps.graph()):
        loading = asyncio.create_task(load())
        for _ in range(3):
            count = len(steps.begun) + 3
            await wait_until("jobs run", partial(runs, steps, count))
            await getattr(own_servers, server).kill()
            await asyncio.sleep(0.5)
            await getattr(own_servers, server).start()
        enough.set()
        await loading
        assert await at_rest(alone, *jobs) == dict.fromkeys(jobs, "completed")
    assert await alone.dead_letters() == []
    if server != "postgres":  # a step whose commit found no database is a step that has not been
        assert {steps.of(name) for name in jobs} == {"abc"}


async def runs(steps, count):
    return len(steps.begun) >= count


async def publish(place, name, thread):
    """Until the broker has it."""
    while True:
        try:
            await place.publish(job(name, thread), {"Nats-Msg-Id": name})
        except Exception:  # noqa: BLE001 - the client says this in many ways
            await asyncio.sleep(0.1)
        else:
            return


async def test_a_job_over_http_is_accepted_at_once_without_the_broker_and_runs_when_it_is_back(
    alone, own_servers, steps
):
    name, go_on = unique(), asyncio.Event()
    steps.acts[name, "a"] = until(go_on)
    async with working(alone.environment, steps.graph()) as running:
        await own_servers.nats.kill()
        await wait_until("it is away", lambda: away(running))
        async with asyncio.timeout(2):
            await submit(running, job(name))
        assert await state(alone, name) == "queued"
        await own_servers.nats.start()
        go_on.set()
        assert await at_rest(alone, name) == {name: "completed"}


async def away(running):
    return not running.resources.broker.client.is_connected


async def test_a_closed_broker_ends_the_service_and_not_with_success(alone, steps):
    """A client that has given up for good must not go on looking healthy."""
    with pytest.raises(BaseExceptionGroup) as raised:
        await close_the_broker(alone, steps)
    assert str(leaf(raised.value)) == "the NATS client closed its connection for good"


async def close_the_broker(alone, steps):
    async with working(alone.environment, steps.graph()) as running:
        await running.resources.broker.client.close()
        await asyncio.Event().wait()


def leaf(error):
    return leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def test_a_service_without_its_servers_is_not_ready_and_does_not_spin(alone, own_servers, fork):
    service = fork(alone.environment)
    await service.until_ready()
    async with httpx.AsyncClient(base_url=service.url, timeout=20) as http:
        for server in (own_servers.nats, own_servers.postgres):
            await server.kill()
            await wait_until(f"it misses {server.name}", partial(misses, http, server.name), limit=20)
        before = spent(service.pid)
        await asyncio.sleep(2)
        assert spent(service.pid) - before < 1.0
        assert (await http.get("/health")).status_code == 200
        answer = await http.post("/", json=event(unique()), headers=STRUCTURED)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        for server in (own_servers.nats, own_servers.postgres):
            await server.start()
        await service.until_ready()
        name = unique()
        await alone.publish(event(name))
        assert await at_rest(alone, name) == {name: "completed"}
    service.send(signal.SIGTERM)
    assert await service.ended() == 0


async def misses(http, word):
    answer = await http.get("/ready")
    return answer.status_code == 503 and answer.json()["checks"][word] != "ok"


def spent(pid):
    """Seconds of CPU of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
