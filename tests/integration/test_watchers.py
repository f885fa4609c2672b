"""Many who watch, on real servers: each is told all, once and in order, and Dragonfly and Postgres hardly notice."""

import asyncio
import json
from contextlib import AsyncExitStack
from http import HTTPStatus

import httpx
import pytest

from contract import Env
from executor.jobs.entries import shown
from tests.integration.world import STRUCTURED, event, until

pytestmark = pytest.mark.anyio

MANY = 60


async def followed(http, job_id, **headers):
    """Id, type and the whole entry of each event, to the end."""
    answer = await http.get(f"/jobs/{job_id}/events", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    events = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    told = [dict(line.split(": ", 1) for line in event.split("\n")) for event in events]
    return [(each["id"], each["event"], json.loads(each["data"])) for each in told]


def client(service):
    """Of the service, with as many connections as there are who watch."""
    return httpx.AsyncClient(base_url=service.url, timeout=60, limits=httpx.Limits(max_connections=None))


def watched(world):
    """The settings of a service of the world at which `MANY` may watch."""
    return {**world.environment, Env.EXECUTOR_WATCHERS: str(MANY), Env.EXECUTOR_DRAIN_SECONDS: "0"}


@pytest.fixture
async def watching(own, serve):
    """A service of the test's own at which `MANY` may watch, and a client."""
    async with client(await serve(watched(own))) as http:
        yield http


async def begun(http, job_id, *turns):
    """The job runs, and somebody has heard of it."""
    (await http.post("/", json=event(job_id, *turns), headers=STRUCTURED)).raise_for_status()


async def test_all_who_watch_are_told_the_same_whenever_they_come(own, watching, job_id):
    await begun(watching, job_id, {"delay": 0.1, "say": "one two three four five"})
    early = await asyncio.gather(*(followed(watching, job_id) for _ in range(MANY)))
    await own.ended(job_id)
    late = await followed(watching, job_id)
    stored = [(each["type"], shown(each)) for each in await own.entries(job_id)]
    assert (early, [told[1:] for told in late]) == ([late] * MANY, stored)


async def test_who_goes_on_is_told_the_rest_and_of_a_gap_where_the_stream_has_lost_its_place(own, watching, job_id):
    await begun(watching, job_id)
    told = await followed(watching, job_id)
    place = told[1][0]
    rest = await followed(watching, job_id, **{"Last-Event-ID": place})
    async with own.dragonfly() as client:
        await client.xtrim(f"langgraph:stream:{job_id}", minid=told[3][0], approximate=False)
    [gap, *left] = await followed(watching, job_id, **{"Last-Event-ID": place})
    wrong = await watching.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": "none of ours"})
    assert (rest, left, wrong.status_code) == (told[2:], told[3:], 400)
    assert (gap[:2], gap[2]["data"]) == ((place, "gap"), {"after": place})


async def test_a_job_whose_stream_is_gone_has_its_end_told(own, watching, job_id):
    await begun(watching, job_id)
    await own.ended(job_id)
    async with own.dragonfly() as client:
        await client.delete(f"langgraph:stream:{job_id}")
    told = await followed(watching, job_id)
    assert [(kind, entry["data"]) for _, kind, entry in told] == [
        ("gap", {"after": "0-0"}),
        ("end", {"status": "completed"}),
    ]


async def test_beyond_as_many_as_may_watch_the_next_is_told_when_to_come_again(watching, job_id):
    await begun(watching, job_id, {"delay": 5, "say": "one two three"})
    async with AsyncExitStack() as stack:
        for _ in range(MANY):
            await stack.enter_async_context(watching.stream("GET", f"/jobs/{job_id}/events"))
        refused = await watching.get(f"/jobs/{job_id}/events")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "EXECUTOR_WATCHERS" in refused.json()["detail"]

    async def is_free():
        async with watching.stream("GET", f"/jobs/{job_id}/events") as answer:
            return answer.status_code == HTTPStatus.OK

    await until("a seat is free", is_free)


async def test_however_many_watch_one_connection_waits_for_news(alone, serve, job_id):
    async def connections():
        async with alone.dragonfly() as client:
            return [each["cmd"] for each in await client.client_list()].count("xread")

    async def one_does():
        return await connections() == 1  # another may just be giving way to it

    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(client(await serve(watched(alone))))
        await begun(http, job_id, {"delay": 5, "say": "one two three"})
        for _ in range(MANY):
            await stack.enter_async_context(http.stream("GET", f"/jobs/{job_id}/events"))
        await until("one connection reads", one_does)
