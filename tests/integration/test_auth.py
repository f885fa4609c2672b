"""Tokens on a running service: who is let in, what is whose, and issuers that come, go and change their keys."""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from contract import Env
from executor.access import sources
from executor.access.sources import LARGEST, UrlSource
from executor.embedded.loopback import wait_until
from executor.errors import TryAgain
from tests.integration.world import STRUCTURED, event, unique
from tests.tokens import AUDIENCE, HOUR, ISSUER, jwk, key_set, token

pytestmark = pytest.mark.anyio


def bearing(shown):
    return {"authorization": f"Bearer {shown}"}


def auth(jwks, **more):
    return json.dumps([{"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(jwks), **more}])


@asynccontextmanager
async def guarded(own, serve, jwks, **more):
    """A client of a service that asks for tokens; what it said and published holds none of those it was shown."""
    environment = {**own.environment, Env.EXECUTOR_AUTH: auth(jwks, **more), Env.EXECUTOR_TENANT: "ours"}
    service = await serve({**environment, Env.EXECUTOR_LOG_LEVEL: "debug"})
    shown: list[str] = []

    async def note(request):
        shown.extend(request.headers.get(name, "").removeprefix("Bearer ") for name in ("authorization", "x-api-key"))

    async with httpx.AsyncClient(base_url=service.url, timeout=60, event_hooks={"request": [note]}) as http:
        yield http
    facts = [await own.stored(stream) for stream in (own.names.stream, own.names.status_stream)]
    rows = await own.rows("SELECT jobs.*::text, outbox.*::text FROM jobs LEFT JOIN outbox USING (job_id)")
    seen = repr([service.tail(100_000), facts, rows])
    for each in filter(None, shown):
        assert each not in seen
        assert each.rpartition(".")[2] not in seen


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set(jwk()))
    return path


async def test_a_tenant_has_the_whole_path_and_another_sees_nothing_of_it(own, serve, keys, job_id):
    red, blue, ours = [bearing(token(tenant)) for tenant in ("red", "blue", "ours")]
    async with guarded(own, serve, keys) as http:
        refused = await http.post("/", json=event(job_id), headers=STRUCTURED)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        waited = STRUCTURED | {"prefer": "wait=30"} | red
        done = await http.post("/", json=event(job_id, {"say": "Hello."}), headers=waited)
        assert (done.status_code, done.json()["result"]["output"]) == (200, "Hello.")
        told = await http.get(f"/jobs/{job_id}/events", headers={"x-api-key": token("red")})
        assert told.text.rstrip().endswith('data: {"status":"completed"}') or "event: end" in told.text
        nats = unique()
        await own.publish(event(nats))
        await own.ended(job_id, nats)
        lists = [(await http.get("/jobs", headers=who)).json()["jobs"] for who in (red, blue, ours)]
        assert [[job["job_id"] for job in jobs] for jobs in lists] == [[job_id], [], [nats]]
        for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/events"):
            assert [(await http.get(path, headers=who)).status_code for who in (blue, ours)] == [404, 404]
        for path in ("/health", "/ready", "/metrics", "/openapi.json", "/docs"):
            assert (await http.get(path)).status_code == 200
        for shown in (token(exp=int(time.time()) - HOUR), token(aud="other"), token(name="another", kid="RS256")):
            assert (await http.get("/jobs", headers=bearing(shown))).status_code == 401


async def test_anothers_thread_is_a_conflict_over_http_and_over_nats(own, serve, keys):
    first, second, third = unique(), unique(), unique()
    async with guarded(own, serve, keys) as http:
        asked = event(first, thread_id=first)
        assert (await http.post("/", json=asked, headers=STRUCTURED | bearing(token("red")))).status_code == 202
        await own.ended(first)
        blue = await http.post("/", json=event(second, thread_id=first), headers=STRUCTURED | bearing(token("blue")))
        assert (blue.status_code, blue.json()["field"]) == (409, "thread_id")
        await own.publish(event(third, thread_id=first))

        async def refused():
            return [fact.word for fact in await own.dead_letters()] == ["conflict"]

        await wait_until("the dead letter is there", refused, 30)
        assert await own.facts(third) == []
        again = await http.post("/", json=asked, headers=STRUCTURED | bearing(token("red")))
        assert again.status_code == 202


async def test_roles_are_read_from_the_claim_that_is_named(own, serve, keys, job_id):
    roles = {"roles_claim": "groups", "roles": {"read": ["viewers"], "write": ["developers"]}}
    async with guarded(own, serve, keys, **roles) as http:
        viewer, developer, nobody = [
            bearing(token(groups=groups)) for groups in (["viewers"], ["developers"], ["strangers"])
        ]
        sent = [
            (await http.post("/", json=event(job_id), headers=STRUCTURED | who)).status_code
            for who in (viewer, nobody, developer)
        ]
        seen = [(await http.get("/jobs", headers=who)).status_code for who in (viewer, nobody, developer)]
        assert (sent, seen) == ([403, 403, 202], [200, 403, 200])
        await own.ended(job_id)


class Keys:
    """An issuer's keys over HTTP: what it answers, and how often it was asked."""

    def __init__(self):
        self.answer = b""
        self.asked = 0

    def say(self, body, head=b"HTTP/1.1 200 OK"):
        self.answer = head + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def serve(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def issuing(keys, port=0):
    async with await asyncio.start_server(keys.serve, "127.0.0.1", port) as server:
        yield server.sockets[0].getsockname()[1]


async def test_until_its_keys_are_there_a_guarded_route_says_come_again_and_then_goes_on_without_the_issuer(own, serve):
    issuer, alice = Keys(), bearing(token())
    async with issuing(issuer) as port:
        pass
    async with guarded(own, serve, f"http://127.0.0.1:{port}/keys") as http:
        away = await http.get("/jobs", headers=alice)
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        assert (await http.get("/health")).status_code == 200
        issuer.say(key_set(jwk()))
        async with issuing(issuer, port):

            async def is_let_in():
                return (await http.get("/jobs", headers=alice)).status_code == 200

            await wait_until("it has the keys", is_let_in, 30)
        assert [(await http.get("/jobs", headers=alice)).status_code for _ in range(5)] == [200] * 5
        assert issuer.asked == 1


async def test_a_source_of_keys_is_asked_for_so_much_and_so_long_and_is_not_followed_elsewhere(monkeypatch):
    monkeypatch.setattr(sources, "FETCH_SECONDS", 0.3)
    issuer = Keys()
    async with issuing(issuer) as port, httpx.AsyncClient() as client:
        source = UrlSource(f"http://127.0.0.1:{port}/", client)
        issuer.say(b"keys")
        assert await source.read() == b"keys"
        for head, words in [
            (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/elsewhere" % port, "answered 302"),
            (b"HTTP/1.1 500 Oh", "answered 500"),
        ]:
            issuer.say(b"", head)
            with pytest.raises(TryAgain, match=words):
                await source.read()
        issuer.say(b"x" * (LARGEST + 1))
        with pytest.raises(TryAgain, match="larger"):
            await source.read()
        issuer.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"
        with pytest.raises(TryAgain):
            await source.read()
        issuer.answer = b"nonsense"
        with pytest.raises(TryAgain):
            await source.read()
        assert issuer.asked == 6
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server, httpx.AsyncClient() as client:
        source = UrlSource(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", client)
        with pytest.raises(TryAgain, match="no answer within"):
            await source.read()


async def silent(reader, writer):
    """Listen until the other side goes."""
    await reader.read()
    writer.close()


async def test_a_persons_commands_show_the_token_of_a_file(own, serve, keys, tmp_path, job_id):
    (tmp_path / "token").write_text(f"{token('red')}\n")
    (tmp_path / "job.json").write_text(json.dumps(event(job_id)["data"]))
    async with guarded(own, serve, keys) as http:
        where = {"EXECUTOR_URL": str(http.base_url), "EXECUTOR_TOKEN_FILE": str(tmp_path / "token")}
        assert json.loads((await ran(where, "submit", str(tmp_path / "job.json")))[1])["job_id"] == job_id
        await own.ended(job_id)
        assert "completed" in (await ran(where, "watch", job_id))[1]
        assert job_id in (await ran(where, "jobs", "list"))[1]
        status, said = await ran({"EXECUTOR_URL": str(http.base_url)}, "jobs", "list")
        assert (status, said.startswith("agent-executor: 401: a token is asked for")) == (1, True)
        status, said = await ran({**where, "EXECUTOR_TOKEN_FILE": str(tmp_path / "none")}, "jobs", "list")
        assert (status, said) == (
            1,
            f"agent-executor: {tmp_path / 'none'} cannot be read: FileNotFoundError; --token-file names another\n",
        )


async def ran(environment, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "executor", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode()
