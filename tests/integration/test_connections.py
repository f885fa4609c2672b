"""Servers as platforms hand them out: line breaks in secrets, ports in hosts, TLS, users, addresses of IPv6."""

import asyncio
import ssl
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from contract import MIGRATE_COMMAND, STREAMS_COMMAND, Env
from executor.embedded import commands
from tests.certificates import Authority
from tests.integration.world import event, until
from tests.loopbacks import loopbacks

pytestmark = pytest.mark.anyio

LARGEST = 64 * 1024
# What a user of Dragonfly must be allowed, and no more.
ALLOWED = ["~langgraph:stream:*", "&langgraph:stream:*", "+xadd", "+xread", "+xrange", "+xrevrange"]
ALLOWED += ["+expire", "+publish", "+ping"]


async def test_values_may_end_in_a_line_break_and_hosts_may_bear_their_port(own, serve, job_id):
    given = dict(own.environment)
    for kind in ("POSTGRES", "DRAGONFLY"):
        given[f"{kind}_HOST"] += f":{given[f'{kind}_PORT']}"
    given = {name: f"{value}\n" for name, value in given.items()}
    for command in (STREAMS_COMMAND, MIGRATE_COMMAND):
        await commands.run(command, given)
    await serve(given)
    await worked(own, job_id)


async def worked(world, job_id):
    """A job goes all the way: NATS, Postgres, the model, Dragonfly."""
    await world.publish(event(job_id))
    [completed] = await world.ended(job_id)
    assert completed.word == "completed"
    await until("its entries are written", lambda: world.entries(job_id))
    assert (await world.entries(job_id))[-1]["type"] == "end"


@pytest.fixture
def certificates(tmp_path):
    """What our authority has issued, and what another has."""
    return {name: Authority(name).issue(tmp_path / name) for name in ("ours", "another")}


@pytest.mark.parametrize("given_as", ["file", "text"])
async def test_dragonfly_by_tls_with_a_user_who_may_just_do_what_is_needed(
    alone, serve, certificates, job_id, given_as
):
    ca = certificates["ours"] / "ca.crt"
    async with alone.dragonfly() as client:
        await client.execute_command("ACL", "SETUSER", "jobs", "on", ">p@ss word", *ALLOWED)
    async with tls_before(alone, certificates["ours"]) as port:
        service = await serve(
            {
                **alone.environment,
                Env.DRAGONFLY_HOST: "localhost",
                Env.DRAGONFLY_PORT: str(port),
                Env.DRAGONFLY_USER: "jobs",
                Env.DRAGONFLY_PASSWORD: "p@ss word",
                Env.DRAGONFLY_CA: str(ca) if given_as == "file" else ca.read_text(),
            }
        )
        await worked(alone, job_id)
        async with httpx.AsyncClient(base_url=service.url) as http:
            assert (await http.get("/ready")).json()["checks"]["dragonfly"] == "ok"
            assert "event: end" in (await http.get(f"/jobs/{job_id}/events")).text


WRONG = [
    ({Env.DRAGONFLY_CA: "another"}, "certificate verify failed"),
    ({Env.DRAGONFLY_TLS: "true"}, "certificate verify failed"),
    ({Env.DRAGONFLY_CA: "/nowhere/ca.crt"}, "No such file"),
    ({Env.DRAGONFLY_TLS: "false"}, "Connection"),
    ({Env.DRAGONFLY_CA: "ours", Env.DRAGONFLY_USER: "nobody"}, "invalid username-password pair"),
    ({Env.DRAGONFLY_CA: "ours", Env.DRAGONFLY_HOST: "127.0.0.1"}, "certificate verify failed: IP address mismatch"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_a_wrong_way_to_dragonfly_is_told_and_fails_no_job(own, serve, certificates, job_id, wrong):
    wrongly, said = wrong
    texts = {name: (folder / "ca.crt").read_text() for name, folder in certificates.items()}
    async with tls_before(own, certificates["ours"]) as port:
        place = {Env.DRAGONFLY_HOST: "localhost", Env.DRAGONFLY_PORT: str(port)}
        given = {name: texts.get(value, value) for name, value in wrongly.items()}
        service = await serve({**own.environment, **place, **given})
        await own.publish(event(job_id))
        [completed] = await own.ended(job_id)
        assert completed.word == "completed"
        async with httpx.AsyncClient(base_url=service.url) as http:
            answer = await http.get("/ready")
    assert answer.status_code == 200
    assert said in answer.json()["checks"]["dragonfly"]


@pytest.mark.parametrize("host", loopbacks())
async def test_every_server_may_be_at_an_address_in_brackets_and_so_is_the_service(own, serve, job_id, host):
    given = dict(own.environment)
    async with AsyncExitStack() as stack:

        async def before(url):
            place = urlsplit(url)
            port = await stack.enter_async_context(passage(host, (place.hostname, place.port)))
            return place._replace(netloc=f"{host}:{port}").geturl()

        for name in (Env.NATS_URL, Env.OPENAI_BASE_URL):
            given[name] = await before(given[name])
        for kind in ("POSTGRES", "DRAGONFLY"):
            there = urlsplit(await before(f"tcp://{given[f'{kind}_HOST']}:{given[f'{kind}_PORT']}"))
            given |= {f"{kind}_HOST": host, f"{kind}_PORT": str(there.port)}
        for command in (STREAMS_COMMAND, MIGRATE_COMMAND):
            await commands.run(command, given)
        service = await serve(given)
        await worked(own, job_id)
        at = f"http://{host}:{service.port}"
        await commands.run(("agent-executor", "jobs", "show", job_id, "--url", at), given)
        async with httpx.AsyncClient(base_url=at) as http:
            assert {(await http.get(path)).status_code for path in ("/health", "/ready", "/metrics", "/docs")} == {200}


def tls_before(world, certificates):
    """A port that speaks TLS and passes on what it hears to Dragonfly."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")
    place = world.environment[Env.DRAGONFLY_HOST], world.environment[Env.DRAGONFLY_PORT]
    return passage("127.0.0.1", place, context)


@asynccontextmanager
async def passage(host, place, context=None):
    """A port of the host that passes on what it hears to the place."""

    async def serve(reader, writer):
        behind = await asyncio.open_connection(*place)
        with suppress(ConnectionError, ssl.SSLError):
            await asyncio.gather(passed_on(reader, behind[1]), passed_on(behind[0], writer))

    async with await asyncio.start_server(serve, host.strip("[]"), 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def passed_on(reader, writer):
    try:
        while heard := await reader.read(LARGEST):
            writer.write(heard)
            await writer.drain()
    finally:
        writer.close()
