"""Who waits for a job, on real servers: told wherever it ends, and whatever fails meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from contract import Env
from executor.api import waits
from executor.api.waits import Waits
from executor.embedded.loopback import HOST, free_port, wait_until
from executor.embedded.nats import Nats
from executor.jobs.caller import ANYBODY
from executor.settings import Settings
from tests import rig
from tests.integration.durable.aftermath import at_rest, becomes
from tests.integration.durable.steps import asks, job, until
from tests.integration.durable.workers import opened, working
from tests.integration.world import unique, world

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]

NEVER = 1e9
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def told_alone(monkeypatch):
    """Whoever is not told waits for ever."""
    monkeypatch.setattr(waits, "LOOK_SECONDS", NEVER)


class Listening:
    """The broker, as far as ends are concerned; `begun` once it listens to them."""

    def __init__(self, broker):
        self.broker = broker
        self.begun = asyncio.Event()

    @asynccontextmanager
    async def ends(self, tell):
        async with self.broker.ends(tell):
            self.begun.set()
            yield


@dataclass
class Pod:
    """One that never works: who waits there is told from elsewhere."""

    listening: Listening
    waits: Waits

    async def end_of(self, job_id, patience=PATIENCE):
        return await self.waits.end_of(job_id, patience)


@asynccontextmanager
async def another_pod(environment):
    async with opened(Settings.read({**environment, Env.PORT: "1"})) as resources:
        listening = Listening(resources.broker)
        pod = Pod(listening, Waits(resources.register, listening))
        running = asyncio.create_task(pod.waits.run())
        try:
            yield pod
        finally:
            running.cancel()
            await asyncio.wait([running])


async def waiting(there, *job_ids):
    """They wait, and have looked."""
    tasks = [asyncio.create_task(there.end_of(job_id, PATIENCE)) for job_id in job_ids]
    await asyncio.sleep(0)
    return tasks


async def statuses(tasks):
    return [found and found.status for found in await asyncio.gather(*tasks)]


async def test_who_waits_is_told_where_the_job_ends_and_at_every_other_pod(place, steps):
    names = {word: unique(word) for word in ("completed", "failed", "interrupted", "cancelled")}
    ready = asyncio.Event()
    for name in names.values():
        steps.acts[name, "a"] = until(ready)
    steps.acts[names["failed"], "b"] = fails_for_good
    steps.acts[names["interrupted"], "b"] = asks("sure?")
    steps.acts[names["cancelled"], "b"] = until(asyncio.Event())
    async with working(place.environment, steps.graph()) as running, another_pod(place.environment) as there:
        here = running.service.jobs
        tasks = [*await waiting(there, *names.values()), *await waiting(here.waits, *names.values())]
        for name in names.values():
            await place.publish(job(name))
        await wait_until("all run", lambda: all_begun(steps, names.values(), "a"))
        ready.set()
        await wait_until("it runs on", lambda: all_begun(steps, [names["cancelled"]], "ab"))
        await here.cancel(names["cancelled"], ANYBODY)
        assert await statuses(tasks) == [*names] * 2


async def all_begun(steps, names, begun):
    return all(steps.of(name) == begun for name in names)


async def fails_for_good():
    raise TypeError


@pytest.mark.parametrize("job_id", ["a:completed", "b:completed:completed", "ä/%:x completed", "c.*.>"])
async def test_any_id_is_told_of(place, steps, job_id):
    async with working(place.environment, steps.graph()), another_pod(place.environment) as there:
        tasks = await waiting(there, job_id)
        await place.publish(job(job_id))
        assert await statuses(tasks) == ["completed"]


async def test_a_job_that_waits_and_is_cancelled_at_one_pod_has_ended_at_all(place, steps, name):
    steps.acts[f"{name}-first", "a"] = until(asyncio.Event())
    async with working(place.environment, steps.graph()) as running, another_pod(place.environment) as there:
        await place.publish(job(f"{name}-first", name))
        await becomes(place, f"{name}-first", "running")
        await place.publish(job(name, name))
        await becomes(place, name, "parked")
        here = running.service.jobs
        tasks = [*await waiting(there, name), *await waiting(here.waits, name)]
        await here.cancel(name, ANYBODY)
        assert await statuses(tasks) == ["cancelled"] * 2


async def test_a_job_that_has_ended_is_seen_at_once(place, steps, name):
    async with working(place.environment, steps.graph()):
        await place.publish(job(name))
        assert await at_rest(place, name) == {name: "completed"}
    async with another_pod(place.environment) as there:
        assert await statuses(await waiting(there, name)) == ["completed"]


@pytest.fixture
async def way(place):
    """The way to NATS through a port that can be cut."""
    async with passage(place.environment) as cuttable:
        yield cuttable


async def test_a_job_that_ends_while_nats_is_cut_off_is_looked_for(place, steps, name, way, monkeypatch):
    """Its event passes while nobody hears, and is not told again."""
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.2)
    async with working(place.environment, steps.graph()), another_pod(way.environment) as there:
        tasks = await waiting(there, name)
        await there.listening.begun.wait()
        async with way.cut():
            await place.publish(job(name))
            assert await statuses(tasks) == ["completed"]


async def test_who_was_cut_off_from_nats_hears_again(place, steps, name, way):
    async with working(place.environment, steps.graph()), another_pod(way.environment) as there:
        tasks = await waiting(there, name)
        await there.listening.begun.wait()
        async with way.cut():
            await wait_until("it is cut off", lambda: is_connected(there, wanted=False))
        await wait_until("it is back", lambda: is_connected(there, wanted=True))
        await place.publish(job(name))
        assert await statuses(tasks) == ["completed"]


async def is_connected(pod, *, wanted):
    return pod.listening.broker.client.is_connected == wanted


async def test_without_nats_a_wait_is_as_long_as_it_was_asked_for(name, way):
    async with another_pod(way.environment) as there, way.cut():
        await wait_until("it is cut off", lambda: is_connected(there, wanted=False))
        assert await there.end_of(name, 0.1) is None


@dataclass
class Way:
    """To NATS."""

    environment: dict[str, str]
    cut: Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def passage(environment):
    place = urlsplit(environment[Env.NATS_URL])
    port, writers = free_port(), []

    async def passed_on(reader, writer):
        writers.append(writer)
        with suppress(ConnectionError):
            while heard := await reader.read(65_536):
                writer.write(heard)
        writer.close()

    async def serve(reader, writer):
        there_reader, there_writer = await asyncio.open_connection(place.hostname, place.port)
        await asyncio.gather(passed_on(reader, there_writer), passed_on(there_reader, writer))

    async def listen():
        return await asyncio.start_server(serve, HOST, port)

    def close(server):
        server.close()
        for writer in writers:
            writer.transport.abort()

    server = await listen()

    @asynccontextmanager
    async def cut():
        nonlocal server
        close(server)
        try:
            yield
        finally:
            server = await listen()

    yield Way({**environment, Env.NATS_URL: f"nats://{HOST}:{port}"}, cut)
    close(server)


class Guarded(Nats):
    """One at which the user `pod` may not listen to what is said of jobs."""

    async def prepare(self):
        process = await super().prepare()
        with (self.folder / "nats.conf").open("a") as config:
            config.write(USERS)
        return process


USERS = """
no_auth_user: all
authorization { users: [
    { user: all, password: all }
    { user: pod, password: pod, permissions: { publish: ">", subscribe: { allow: ">", deny: "*.status.>" } } }
] }
"""


async def test_who_may_not_listen_looks_now_and_then(environment, steps, name, tmp_path, monkeypatch):
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.2)
    server = Guarded(tmp_path)
    await server.start()
    try:
        given = {**environment, Env.NATS_URL: server.url}
        pod = given | {Env.NATS_USER: "pod", Env.NATS_PASSWORD: "pod"}
        await rig.provision(given)
        async with world(given) as place, working(given, steps.graph()), another_pod(pod) as there:
            tasks = await waiting(there, name)
            await there.listening.begun.wait()
            await place.publish(job(name))
            assert await statuses(tasks) == ["completed"]
            assert there.listening.broker.client.is_connected
    finally:
        await server.stop()
