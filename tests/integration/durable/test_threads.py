"""Threads as people see them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from executor.errors import TryAgain
from executor.jobs.agents import Resolved
from executor.jobs.job import Submission
from executor.jobs.threads import Page, ThreadBusy, ThreadExists, ThreadFilter
from tests.integration.durable.lab import message
from tests.integration.durable.test_ledger_forgetting import noting

pytestmark = pytest.mark.anyio

DAY = 86_400
OLD = timedelta(days=2)


async def thread(lab, name="t"):
    found = await lab.threads.get(lab.id(name))
    assert found is not None
    return found


async def age(lab, *names):
    """Let threads, and the ends of their jobs, be two days old."""
    for query in (
        "UPDATE threads SET updated_at = updated_at - %(by)s WHERE thread_id = ANY(%(ids)s)",
        "UPDATE jobs SET finished_at = finished_at - %(by)s WHERE thread_id = ANY(%(ids)s)",
    ):
        await lab.ask(query, by=OLD, ids=[lab.id(name) for name in names])


async def ids(lab, *pages, **only):
    """The threads of this lab that a search finds."""
    found = await lab.threads.search(ThreadFilter(**only), *pages)
    return [lab.named(each.thread_id) for each in found if each.thread_id.startswith(lab.tag)]


@pytest.mark.parametrize("how", ["claimed", "queued", "parked", "rejected"])
async def test_a_thread_is_there_with_its_first_job_however_that_comes(lab, how):
    assert await lab.threads.get(lab.id("t")) is None
    match how:
        case "claimed":
            await lab.begin("a@t")
        case "queued":
            await lab.register.queue([Submission(lab.identity("a@t"), message(f"{lab.id('a')}:execute"))])
        case "parked":
            await lab.park("a@t", datetime.now(UTC) + OLD)
        case "rejected":
            await lab.ledger.reject(lab.identity("a@t"), lab.outcome(lab.id("a"), "failed"))
    found = await thread(lab)
    assert (found.metadata, found.agent, found.status) == ({}, None, "error" if how == "rejected" else "busy")


async def test_a_thread_of_an_earlier_image_is_there_once_a_job_of_it_ends(lab):
    claim = await lab.begin("a@t")
    await lab.ask("DELETE FROM threads WHERE thread_id = %(id)s", id=lab.id("t"))
    await lab.finish(claim)
    assert (await thread(lab)).status == "idle"


async def test_what_a_thread_does_is_read_off_its_jobs(lab):
    made = await lab.threads.create(lab.id("t"), if_exists="raise")
    seen = [made]
    claim = await lab.begin("a@t")
    seen.append(await thread(lab))
    await lab.finish(claim, "interrupted", kept=lab.origin("a"))
    await lab.park("b@t")
    seen.append(await thread(lab))
    await lab.register.resume(lab.id("a"), "yes")
    seen.append(await thread(lab))
    await lab.finish(await lab.begin("a@t"), "failed")
    seen.append(await thread(lab))
    await lab.finish(await lab.begin("b@t"))
    seen.append(await thread(lab))
    assert [each.status for each in seen] == ["idle", "busy", "interrupted", "busy", "busy", "idle"]
    times = [each.updated_at for each in seen]
    assert times == sorted(times)
    assert (len({*times}), {each.created_at for each in seen}) == (5, {made.created_at})
    await lab.finish(await lab.begin("z@t"), "failed")
    assert (await thread(lab)).status == "error"


async def test_a_thread_that_is_made_twice_is_the_first_one(lab):
    made = await lab.threads.create(lab.id("t"), {"by": "me"}, if_exists="raise")
    assert (made.metadata, made.status) == ({"by": "me"}, "idle")
    with pytest.raises(ThreadExists):
        await lab.threads.create(lab.id("t"), {"by": "you"}, if_exists="raise")
    assert await lab.threads.create(lab.id("t"), {"by": "you"}, if_exists="do_nothing") == made
    await lab.finish(await lab.begin("a@t"))
    assert (await thread(lab)).metadata == {"by": "me"}


async def test_what_is_noted_of_a_thread_is_added_to(lab):
    await lab.threads.create(lab.id("t"), if_exists="raise")
    first = await lab.threads.patch(lab.id("t"), {"by": "me", "n": {"x": [1, None]}})
    second = await lab.threads.patch(lab.id("t"), {"by": "you", "half": "\ud800"})
    assert first
    assert second
    assert second.metadata == {"by": "you", "n": {"x": [1, None]}, "half": "\ufffd"}
    assert second.updated_at > first.updated_at
    assert await lab.threads.patch(lab.id("nobody"), {}) is None
    assert await lab.threads.patch("a\0b", {}) is None


async def test_threads_are_found_by_what_is_noted_of_them_their_status_agent_and_ids(lab):
    await lab.threads.create(lab.id("one"), {"tag": lab.tag, "n": {"x": 1}}, if_exists="raise")
    await lab.threads.create(lab.id("two"), {"tag": lab.tag}, if_exists="raise")
    await lab.begin("busy@busy")
    await lab.finish(await lab.begin("asks@asks"), "interrupted", kept=lab.origin("asks"))
    await lab.finish(await lab.begin("bad@bad"), "failed")
    await lab.ask("UPDATE threads SET agent = 'helper' WHERE thread_id = %(id)s", id=lab.id("one"))
    every = [lab.id(name) for name in ("one", "two", "busy", "asks", "bad")]
    assert await ids(lab, ids=every) == ["bad", "asks", "busy", "two", "one"]
    assert await ids(lab, metadata={"tag": lab.tag}) == ["two", "one"]
    assert await ids(lab, metadata={"tag": lab.tag, "n": {"x": 1}}) == ["one"]
    assert await ids(lab, metadata={}, ids=every[:1]) == ["one"]
    assert await ids(lab, agent="helper", ids=every) == ["one"]
    assert await ids(lab, ids=[*every[:1], "a\0b"]) == ["one"]
    found = {status: await ids(lab, status=status, ids=every) for status in ("busy", "interrupted", "error", "idle")}
    assert found == {"busy": ["busy"], "interrupted": ["asks"], "error": ["bad"], "idle": ["two", "one"]}
    assert await lab.threads.count(ThreadFilter(ids=every)) == 5
    assert await lab.threads.count(ThreadFilter(ids=every, status="idle")) == 2
    assert await lab.threads.count(ThreadFilter(metadata={"tag": lab.tag})) == 2


async def test_threads_are_listed_page_by_page_in_the_order_that_is_asked_for(lab):
    for name in ("b", "a", "c"):
        await lab.threads.create(lab.id(name), {"tag": lab.tag}, if_exists="raise")
    await lab.threads.patch(lab.id("b"), {})
    mine = {"metadata": {"tag": lab.tag}}
    assert await ids(lab, **mine) == ["b", "c", "a"]
    assert await ids(lab, Page("created_at"), **mine) == ["c", "a", "b"]
    assert await ids(lab, Page("thread_id", is_descending=False), **mine) == ["a", "b", "c"]
    assert await ids(lab, Page("thread_id", limit=1, offset=1), **mine) == ["b"]


async def test_a_thread_is_forgotten_with_its_jobs_and_its_checkpoints(lab):
    threads, forget = noting()
    await lab.threads.create(lab.id("t"), {"by": "me"}, if_exists="raise")
    for name in ("a@t", "b@t"):
        outcome = await lab.finish(await lab.begin(name))
        await lab.ledger.published(outcome.messages)
    assert await lab.threads.delete(lab.id("t"), forget) is True
    assert await lab.threads.delete(lab.id("t"), forget) is False
    assert threads == [lab.id("t")] * 2
    assert await lab.threads.get(lab.id("t")) is None
    assert await lab.register.job(lab.id("a")) is None
    assert await lab.threads.delete("a\0b", forget) is False
    await lab.begin("c@t")
    assert (await thread(lab)).metadata == {}


@pytest.mark.parametrize("left", ["running", "queued", "parked", "interrupted", "not told"])
async def test_a_thread_that_is_not_at_rest_is_not_forgotten(lab, left):
    threads, forget = noting()
    match left:
        case "running":
            await lab.begin("a@t")
        case "queued":
            await lab.register.queue([Submission(lab.identity("a@t"), message(f"{lab.id('a')}:execute"))])
        case "parked":
            await lab.park("a@t", datetime.now(UTC) + OLD)
        case "interrupted":
            await lab.finish(await lab.begin("a@t"), "interrupted", kept=lab.origin("a"))
        case "not told":
            await lab.finish(await lab.begin("a@t"))
    with pytest.raises(ThreadBusy) as caught:
        await lab.threads.delete(lab.id("t"), forget)
    assert (caught.value.job_id, threads) == (lab.id("a"), [])
    assert await lab.job("a")


async def test_nobody_begins_on_a_thread_while_it_is_forgotten_and_it_is_there_again_afterwards(lab):
    begins = []

    async def forget(_):
        begins.append(asyncio.create_task(lab.claim("b@t")))
        await asyncio.sleep(0.1)
        assert not begins[0].done()

    outcome = await lab.finish(await lab.begin("a@t"))
    await lab.ledger.published(outcome.messages)
    assert await lab.threads.delete(lab.id("t"), forget)
    claim = await begins[0]
    await lab.finish(claim)
    assert (await thread(lab)).status == "idle"


async def test_many_are_forgotten_at_once_with_the_connections_that_there_are(lab):
    async def forget(_):
        async with lab.pool.connection():
            await asyncio.sleep(0.01)

    names = [f"many-{n}" for n in range(20)]
    for name in names:
        await lab.threads.create(lab.id(name), if_exists="raise")
    async with asyncio.timeout(9):  # the pool gives up after ten
        assert all(await asyncio.gather(*(lab.threads.delete(lab.id(name), forget) for name in names)))


async def test_a_thread_that_cannot_be_forgotten_stays(lab):
    async def fail(_):
        raise TryAgain("away")

    outcome = await lab.finish(await lab.begin("a@t"))
    await lab.ledger.published(outcome.messages)
    with pytest.raises(TryAgain):
        await lab.threads.delete(lab.id("t"), fail)
    assert await lab.state("a") == "completed"
    assert (await thread(lab)).status == "idle"


async def test_a_thread_that_has_no_job_is_forgotten_when_it_is_old(lab):
    for name in ("old", "new"):
        await lab.threads.create(lab.id(name), if_exists="raise")
    await lab.finish(await lab.begin("a@kept"))
    await lab.finish(await lab.begin("b@asks"), "interrupted", kept=lab.origin("b"))
    await lab.finish(await lab.begin("c@done"))
    await lab.finish(await lab.begin("d@noted"))
    await age(lab, "old", "kept", "asks", "done", "noted")
    await lab.ask("UPDATE jobs SET finished_at = now() WHERE thread_id = %(id)s", id=lab.id("kept"))
    await lab.threads.patch(lab.id("noted"), {"by": "me"})
    every = [lab.id(name) for name in ("old", "new", "kept", "asks", "done", "noted")]
    await lab.register.expire(DAY, noting()[1])
    assert sorted(await ids(lab, ids=every)) == ["asks", "kept", "new", "noted"]
    await age(lab, "noted")
    await lab.register.expire(DAY, noting()[1])
    assert sorted(await ids(lab, ids=every)) == ["asks", "kept", "new"]


async def test_who_touches_a_thread_waits_for_nobody_who_does(lab):
    await lab.threads.create(lab.id("t"), if_exists="raise")
    async with lab.pool.connection() as connection, connection.transaction():
        await connection.execute("UPDATE threads SET agent = 'x' WHERE thread_id = %s", [lab.id("t")])
        async with asyncio.timeout(5):
            await lab.finish(await lab.begin("a@t"))
    assert (await thread(lab)).status == "idle"


async def test_a_thread_has_the_agent_that_its_latest_job_asked_for_by_name(lab):
    await lab.finish(await lab.begin("a@t"))
    assert (await lab.threads.get(lab.id("t"))).agent is None
    for name, agent in {"b@t": "first", "c@t": "second"}.items():
        await lab.finish(await lab.ledger.claim(lab.identity(name), resolved=Resolved(agent)))
        assert (await lab.threads.get(lab.id("t"))).agent == agent
    await lab.finish(await lab.begin("d@t"))
    assert (await lab.threads.get(lab.id("t"))).agent == "second"
