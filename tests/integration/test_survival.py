"""What the service survives: its own death, its stop, and the servers under it coming and going."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest

from contract import SERVE_COMMAND, Env
from executor.embedded.loopback import free_port, listens
from executor.embedded.process import Process
from tests import rig
from tests.integration.world import asked, deep, event, until, world, writing

pytestmark = pytest.mark.anyio

ONE_STEP = {"say": "First.", "call": [writing("/first.md", "one")]}
SLOW_STEP = {"say": "a b c d", "call": [writing("/second.md", "two")], "delay": 0.1}


def two_steps(job_id, **more):
    """A job of two tool calls whose second one takes a second to be asked for."""
    return event(job_id, ONE_STEP, SLOW_STEP, {"say": "Done."}, definition=deep(), **more)


async def begun_its_second_step(model, job_id):
    """The first step's checkpoint is written once the second step begins."""
    await until("the second step has begun", lambda: 1 in asked(model, job_id))


def files(fact):
    return {path: file["content"] for path, file in fact.data["result"]["final_state"]["files"].items()}


async def ready(service):
    async with httpx.AsyncClient(base_url=service.url) as http:
        return await http.get("/ready")


@asynccontextmanager
async def starting(environment, tmp_path):
    """A service that is started but need not become ready."""
    port = free_port()
    command = [sys.executable, "-m", "executor", *SERVE_COMMAND[1:]]
    log = tmp_path / "starting.log"
    process = Process(command, environment={**environment, Env.PORT: str(port)}, log=log)
    async with process, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await process.until("it listens", lambda: listens(port))
        yield http


async def test_a_killed_workers_job_goes_on_from_its_last_checkpoint(own, serve, model, job_id):
    first = await serve(own.environment)
    await own.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await first.kill()
    await own.let_time_pass()
    await serve(own.environment)
    [completed] = await own.ended(job_id)
    assert completed.data["attempts"] == 2
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert [message["type"] for message in completed.data["result"]["final_state"]["messages"]] == [
        "human", "ai", "tool", "ai", "tool", "ai",
    ]  # fmt: skip
    assert Counter(asked(model, job_id)) == {0: 1, 1: 2, 2: 1}
    assert await own.words(job_id) == ["started", "completed"]
    kinds = [(entry["attempt"], entry["type"]) for entry in await own.entries(job_id)]
    assert [kind for kind in kinds if kind[1] in {"attempt", "end"}] == [("2", "attempt"), ("2", "end")]


async def test_a_stopped_workers_job_goes_on_elsewhere_and_loses_no_attempt(own, serve, model, job_id):
    first = await serve(own.environment)
    await own.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    began = time.monotonic()
    assert await first.stop() == 0
    assert time.monotonic() - began < 10
    assert await own.words(job_id) == ["started"]
    await serve(own.environment)
    [completed] = await own.ended(job_id)
    assert completed.data["attempts"] == 1
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert Counter(asked(model, job_id)) == {0: 1, 1: 1, 2: 1}


async def test_a_step_that_outlasts_the_grace_is_cut_short_and_begun_again_elsewhere(own, serve, model, job_id):
    first = await serve({**own.environment, Env.EXECUTOR_DRAIN_SECONDS: "0.2"})
    endless = {"say": "word " * 50, "delay": 0.2}
    await own.publish(event(job_id, ONE_STEP, endless, definition=deep()))
    await begun_its_second_step(model, job_id)
    began = time.monotonic()
    assert await first.stop() == 0
    assert time.monotonic() - began < 5
    assert await own.unfinished() == 1
    assert [row["status"] for row in await own.rows("SELECT status FROM jobs")] == ["queued"]


async def test_two_services_share_the_jobs_and_stop_at_once_when_idle(own, serve):
    services = await asyncio.gather(serve(own.environment), serve(own.environment))
    jobs = [f"job-{uuid.uuid4().hex[:8]}" for _ in range(12)]
    for job in jobs:
        await own.publish(event(job, {"say": "a b", "delay": 0.1}))
    await own.ended(*jobs)
    facts = await own.stored(own.names.status_stream)
    assert [fact.data for fact in facts if fact.word == "progress"] == []
    assert Counter(fact.word for fact in facts) == {"started": len(jobs), "completed": len(jobs)}
    logs = [{json.loads(line).get("job") for line in service.tail(500).splitlines()} for service in services]
    assert all(log & set(jobs) for log in logs)
    began = time.monotonic()
    for service, sent in zip(services, (signal.SIGTERM, signal.SIGINT), strict=True):
        os.kill(service.pid, sent)
    assert [await service.wait() for service in services] == [0, 0]
    assert time.monotonic() - began < 5
    assert {json.loads(service.tail(1))["event"] for service in services} == {"stopped"}


async def test_a_secret_is_nowhere_to_be_seen(own, serve, job_id):
    """The key is echoed by a gateway that refuses it, as some do."""
    key = f"sk-{uuid.uuid4().hex}"
    async with echoing() as url:
        service = await serve({**own.environment, Env.OPENAI_API_KEY: key, Env.OPENAI_BASE_URL: url})
        async with own.dragonfly() as client, client.pubsub() as channel:
            await channel.subscribe(f"langgraph:stream:{job_id}")
            await own.publish(event(job_id))
            [failed] = await own.ended(job_id)
            heard = [message async for message in heard_until_end(channel)]
    assert failed.data["error"]["message"].count("***") == 1
    async with httpx.AsyncClient(base_url=service.url) as http:
        shown = [(await http.get(path)).text for path in (f"/jobs/{job_id}", "/jobs", "/metrics", "/ready")]
    facts = [await own.stored(stream) for stream in (own.names.status_stream, own.names.dead_letter_stream)]
    rows = await own.rows("SELECT jobs.*::text, outbox.*::text FROM jobs JOIN outbox USING (job_id)")
    seen = repr([service.tail(1000), shown, facts, rows, heard, await own.entries(job_id)])
    assert "Incorrect API key" in seen
    assert key not in seen
    for name in (Env.POSTGRES_PASSWORD, Env.DRAGONFLY_PASSWORD):
        assert own.environment[name] not in seen


@asynccontextmanager
async def echoing():
    """A gateway that refuses every key and says which one it was."""

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split()[-1] for line in head.splitlines() if line.lower().startswith("authorization"))
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "type": "invalid"}}).encode()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def heard_until_end(channel):
    async for message in channel.listen():
        yield message
        if message["type"] == "message" and json.loads(message["data"])["type"] == "end":
            return


async def test_the_event_loop_is_not_blocked_while_jobs_are_compiled_and_run(own, serve):
    service = await serve(own.environment)
    jobs = [f"job-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    for job in jobs:
        await own.publish(event(job, ONE_STEP, {"say": "Done."}, definition=deep(system_prompt=job)))
    ended = asyncio.create_task(own.ended(*jobs))
    slowest = 0.0
    async with httpx.AsyncClient(base_url=service.url) as http:
        while not ended.done():
            began = time.monotonic()
            assert (await http.get("/health")).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)
    await ended
    assert slowest < 1


@pytest.mark.parametrize("name", [Env.NATS_URL, Env.POSTGRES_PASSWORD, Env.DRAGONFLY_HOST])
async def test_a_missing_variable_is_named_in_one_line(environment, tmp_path, name):
    given = {key: value for key, value in environment.items() if key != name}
    status, said = await told(given, tmp_path)
    assert (status, said) == (1, f"agent-executor: {name} is missing\n")


async def told(environment, tmp_path):
    """The status and the output of a service that does not start."""
    command = [sys.executable, "-m", "executor", *SERVE_COMMAND[1:]]
    status = await Process(command, environment=environment, log=tmp_path / "told.log").run()
    return status, (tmp_path / "told.log").read_text()


async def test_a_port_that_is_taken_is_named(own, tmp_path):
    async with await asyncio.start_server(lambda *_: None, "0.0.0.0", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        status, said = await told({**own.environment, Env.PORT: str(port)}, tmp_path)
    assert status == 1
    assert said.splitlines()[-1].startswith(f"agent-executor: PORT {port}: Address already in use")


@pytest.fixture
async def alone(own_servers, model):
    """Servers that this test alone has, provisioned, and a world on them."""
    environment = own_servers.environment() | {
        Env.NATS_STREAM_NAME: "AGENT_EXECUTION",
        Env.NATS_CONSUMER_GROUP: "workers",
        Env.OPENAI_API_KEY: "scripted",
        Env.OPENAI_BASE_URL: model.url,
    }
    await rig.provision(environment)
    async with world(environment) as mine:
        yield mine


async def test_a_service_waits_for_its_servers_and_says_for_which(alone, own_servers, tmp_path, job_id):
    await alone.publish(event(job_id))
    await asyncio.gather(own_servers.postgres.stop(), own_servers.nats.stop())
    async with starting(alone.environment, tmp_path) as http:
        assert (await http.get("/health")).status_code == 200
        answer = await http.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert answer.json()["checks"]["nats"] == "NATS is not connected yet"
        refused = await http.post("/", json=event("x"), headers={"content-type": "application/cloudevents+json"})
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert (await http.get("/jobs")).status_code == 503
        await own_servers.nats.start()
        await until("only Postgres is missing", lambda: only_postgres(http))
        await own_servers.postgres.start()
        await until("it is ready", lambda: is_ready(http))
        await alone.ended(job_id)


async def is_ready(http):
    return (await http.get("/ready")).status_code == 200


async def only_postgres(http):
    checks = (await http.get("/ready")).json()["checks"]
    return checks["nats"] == "ok" and checks["postgres"] != "ok"


async def test_a_service_that_waits_for_its_servers_can_be_stopped(alone, own_servers, tmp_path):
    await own_servers.nats.stop()
    began = time.monotonic()
    async with starting(alone.environment, tmp_path) as http:
        assert (await http.get("/health")).status_code == 200
        began = time.monotonic()
    assert time.monotonic() - began < 5


async def test_a_database_without_tables_is_said_to_need_the_migrations(environment, tmp_path):
    async with starting(environment, tmp_path) as http:

        async def says_so():
            checks = (await http.get("/ready")).json()["checks"]
            return "agent-executor migrate" in checks.get("postgres", "") and "streams" in checks.get("nats", "")

        await until("it says what to run", says_so)
        await rig.provision(environment)
        await until("it is ready", lambda: is_ready(http))


async def test_jobs_complete_without_dragonfly_and_the_service_says_that_it_is_away(
    alone, own_servers, serve, model, job_id
):
    service = await serve(alone.environment)
    await alone.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await own_servers.dragonfly.kill()
    [completed] = await alone.ended(job_id)
    assert completed.word == "completed"

    async def says_so():
        answer = await ready(service)
        assert answer.status_code == 200
        return answer.json()["checks"]["dragonfly"].startswith("Dragonfly: Error 111 connecting to")

    await until("it says so", says_so)
    await own_servers.dragonfly.start()
    after = f"{job_id}-after"
    await alone.publish(event(after))
    await alone.ended(after)
    await until("its entries are written", lambda: alone.entries(after))
    assert (await alone.entries(after))[-1]["type"] == "end"


@pytest.fixture(params=["nats", "postgres"])
def crashing(request, own_servers):
    """One of the servers."""
    return getattr(own_servers, request.param)


async def test_a_server_that_crashes_while_jobs_run_only_delays_them(alone, crashing, serve, model, job_id):
    service = await serve(alone.environment)
    await alone.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await crashing.kill()

    async def says_so():
        return (await ready(service)).status_code == 503

    await until("it is not ready", says_so)
    await crashing.start()
    await until("it is ready again", service.is_ready)
    [completed] = await alone.ended(job_id)
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert asked(model, job_id).count(0) == 1
    after = f"{job_id}-after"
    await alone.publish(event(after))
    await alone.ended(after)
    assert service.status is None
