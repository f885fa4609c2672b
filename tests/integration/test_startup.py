"""What the service needs to start, and what it says while that is missing."""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from contract import SERVE_COMMAND, Env
from executor.embedded.loopback import free_port, listens
from executor.embedded.process import Process
from tests import rig
from tests.integration.world import STRUCTURED, deep, event, until

pytestmark = pytest.mark.anyio


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


async def test_a_file_that_is_no_agent_is_named(own, tmp_path):
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "writer.yaml").write_text("nodes: []")
    environment = {**own.environment, Env.PORT: str(free_port()), Env.EXECUTOR_AGENTS: str(folder)}
    status, said = await told(environment, tmp_path)
    assert (status, said.splitlines()[-1]) == (1, f"agent-executor: {folder}/writer.yaml.nodes: is empty")


async def test_a_port_that_is_taken_is_named(own, tmp_path):
    async with await asyncio.start_server(lambda *_: None, "0.0.0.0", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        status, said = await told({**own.environment, Env.PORT: str(port)}, tmp_path)
    assert status == 1
    assert said.splitlines()[-1].startswith(f"agent-executor: PORT {port}: Address already in use")


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


async def test_what_keys_are_there_for_is_imported_before_it_is_ready(own, serve, job_id):
    service = await serve(
        {**own.environment, Env.ANTHROPIC_API_KEY: "none", Env.ANTHROPIC_BASE_URL: "http://127.0.0.1:9"}
    )
    said = [json.loads(line) for line in service.tail(100).splitlines()]
    order = [line["event"] for line in said if line["event"] in {"imported ahead", "ready"}]
    [ahead] = [line for line in said if line["event"] == "imported ahead"]
    assert (order, ahead["providers"]) == (["imported ahead", "ready"], ["openai", "anthropic"])
    bodies = [
        event(f"{job_id}-{provider}", definition=deep(model={"provider": provider, "model": name}))
        for provider, name in (("openai", "gpt-4.1-mini"), ("anthropic", "claude-sonnet-4-5"))
    ]
    async with httpx.AsyncClient(base_url=service.url) as http:
        answers = await asyncio.gather(*(http.post("/", json=body, headers=STRUCTURED) for body in bodies))
    assert [answer.status_code for answer in answers] == [202, 202]
