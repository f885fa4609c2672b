"""`agent-executor doctor` on certificates: those that servers show, and those of files."""

import asyncio
import ssl
import time

import pytest

from contract import Env
from executor import certificates
from executor.findings import warning
from executor.settings import DragonflySettings, PostgresSettings
from tests.certificates import Authority
from tests.integration.test_connections import tls_before

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("hours", "state", "word"), [(-0.5, "warning", "expired"), (1, "warning", "expires"), (9999, "ok", "holds")]
)
async def test_the_dates_of_a_certificate_of_dragonfly_and_of_its_authority_are_told(own, tmp_path, hours, state, word):
    issued = Authority("ours", hours=hours).issue(tmp_path / "issued")
    async with tls_before(own, issued) as port:
        ca = (issued / "ca.crt").read_text()
        settings = DragonflySettings.read(
            {Env.DRAGONFLY_HOST: "localhost", Env.DRAGONFLY_PORT: str(port), Env.DRAGONFLY_CA: ca}
        )
        found = [await certificates.examine(each, time.time()) for each in certificates.of_dragonfly(settings)]
    assert [(each.about, each.state, each.said.split()[0]) for [each] in found] == [
        ("certificate of Dragonfly", state, word),
        ("authorities of DRAGONFLY_CA", state, word),
    ]


async def test_authorities_of_which_some_have_expired_and_a_file_that_is_none_are_told(tmp_path):
    old, new = (Authority(name, hours=hours).issue(tmp_path / name) for name, hours in (("old", -0.5), ("new", 1)))
    both = certificates.Authorities("NATS_CA", (old / "ca.crt").read_text() + (new / "ca.crt").read_text())
    missing = certificates.Authorities("NATS_CA", str(tmp_path / "nowhere"))
    assert await certificates.examine(both, time.time()) == [
        warning("authorities of NATS_CA", "1 of 2 have expired", "take them out")
    ]
    [found] = await certificates.examine(missing, time.time())
    assert (found.about, found.state, found.help) == ("NATS_CA", "wrong", "set it to a file, or a text, in PEM")


@pytest.mark.parametrize(("mode", "state"), [("require", "warning"), ("verify-full", "wrong")])
async def test_a_certificate_of_postgres_that_has_expired_is_wrong_where_it_is_looked_at(tmp_path, mode, state):
    issued = Authority("ours", hours=-0.5).issue(tmp_path / "issued")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued / "tls.crt", issued / "tls.key")

    async def serve(reader, writer):
        await reader.readexactly(8)
        writer.write(b"S")
        await writer.start_tls(context)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        [end] = certificates.of_postgres(database(port, mode))
        [found] = await certificates.examine(end, time.time())
    assert (found.about, found.state, found.said.split()[0]) == ("certificate of Postgres", state, "expired")


def database(port, mode):
    given: dict[str, str] = {Env.POSTGRES_HOST: "127.0.0.1", Env.POSTGRES_PORT: str(port), Env.POSTGRES_SSLMODE: mode}
    return PostgresSettings.read(
        given | {Env.POSTGRES_DB: "db", Env.POSTGRES_USER: "user", Env.POSTGRES_PASSWORD: "of-the-user"}
    )
