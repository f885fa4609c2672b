"""People's side of the ledger: they ask for jobs, look at them and end them."""

import asyncio
from dataclasses import replace

import psycopg
import pytest

from executor.errors import LeaseLost
from executor.jobs.answers import NotAsked
from executor.jobs.claims import Applicant, Blocked, Finished, Waiting
from executor.jobs.job import JobFilter, Submission, Taken
from tests.integration.durable.lab import message, woken

pytestmark = pytest.mark.anyio

RUNNING = JobFilter("running")


async def test_a_job_over_http_blocks_nobody_before_it_is_in_the_stream(lab):
    order = Submission(lab.identity("http@t", placed=False), message("m"))
    assert await lab.register.queue([order]) is None
    claim = await lab.begin("b@t")
    assert await lab.claim("http@t") == Blocked()
    assert await lab.park("c@t")
    await lab.finish(claim)
    assert woken(await lab.settle("t"), lab) == [("c", 1)]


async def test_jobs_are_queued_all_or_none(lab):
    orders = [Submission(lab.identity(name), message(f"{lab.id(name)}:execute")) for name in ("a", "b")]
    taken = Submission(lab.identity("a", content="other"), message("never"))
    assert await lab.register.queue(orders[:1]) is None
    assert await lab.register.queue([orders[1], taken]) == Taken(1)
    assert await lab.register.job(lab.id("b")) is None
    assert await lab.register.queue(orders) is None
    assert await lab.states("a", "b") == ["queued", "queued"]
    assert await lab.promised("a") == [{"id": f"{lab.id('a')}:execute", "marked": False}]


async def test_what_is_noted_of_a_job_is_kept_however_it_comes(lab):
    noted = {name: lab.identity(f"{name}@{name}", metadata='{"by": "me"}') for name in ("a", "b", "c", "d")}
    await lab.register.queue([Submission(noted["a"], message(f"{lab.id('a')}:execute"))])
    await lab.ledger.claim(noted["b"])
    await lab.room.park([Applicant(noted["c"], lab.origin("c"))])
    await lab.ledger.reject(noted["d"], lab.outcome(lab.id("d"), "failed"))
    await lab.ledger.claim(noted["c"])
    assert [(await lab.job(name)).metadata for name in noted] == [{"by": "me"}] * 4
    await lab.begin("e")
    assert (await lab.job("e")).metadata is None


def order(lab, name, content="", **more):
    return Submission(lab.identity(name, content, placed=False), message(f"{lab.id(name)}:execute"), **more)


async def test_jobs_that_are_queued_at_the_same_moment_share_a_commit_and_no_refusal(lab):
    await lab.register.queue([order(lab, "taken")])
    orders = [order(lab, name) for name in "abcd"]
    wrong = [order(lab, "taken", "other"), order(lab, "a", "other")]
    found = await asyncio.gather(*(lab.register.queue([each]) for each in [*orders, *wrong, *orders]))
    assert found == [None] * 4 + [Taken(0)] * 2 + [None] * 4
    assert await lab.states(*"abcd") == ["queued"] * 4
    assert [await lab.promised(name) for name in "abcd"] == [
        [{"id": f"{lab.id(name)}:execute", "marked": False}] for name in "abcd"
    ]
    commits = await lab.ask("SELECT DISTINCT created_at FROM jobs WHERE job_id LIKE %(ids)s", ids=f"{lab.tag}-_")
    assert len(commits) < len(orders)


async def test_what_cannot_be_written_keeps_nobody_from_being_queued(lab):
    bad = order(lab, "bad")
    bad = replace(bad, message=replace(bad.message, subject="no\0subject"))
    found = await asyncio.gather(
        *(lab.register.queue([each]) for each in (order(lab, "a"), bad, order(lab, "b"))), return_exceptions=True
    )
    assert (found[0], found[2]) == (None, None)
    assert isinstance(found[1], psycopg.DataError)
    assert await lab.states("a", "b") == ["queued"] * 2
    assert await lab.register.job(lab.id("bad")) is None


@pytest.mark.parametrize(("contents", "conflict"), [(["", "", ""], None), (["", "", "other"], 2), (["x", "", ""], 0)])
async def test_an_id_may_come_twice_in_a_batch_if_it_is_the_same_job(lab, contents, conflict):
    await lab.register.queue([order(lab, "a")])
    batch = [order(lab, "b"), *(order(lab, "a", content) for content in contents)]
    found = await lab.register.queue(batch)
    assert found == (None if conflict is None else Taken(conflict + 1))
    assert (await lab.register.job(lab.id("b")) is None) == (conflict is not None)


async def test_a_batch_that_names_an_id_twice_for_two_jobs_is_not_taken_at_all(lab):
    assert await lab.register.queue([order(lab, "b"), order(lab, "a"), order(lab, "a", "other")]) == Taken(2)
    assert [await lab.register.job(lab.id(name)) for name in "ab"] == [None, None]


async def test_the_end_of_a_job_is_shown_once_it_has_one(lab):
    claims = [await lab.begin(name) for name in ("done", "asks", "runs", "large")]
    await lab.finish(claims[0])
    await lab.finish(claims[1], "interrupted", kept=lab.origin("asks"))
    large = replace(lab.outcome(claims[3].job_id, "completed"), result={"output": "x" * 1_000_000})
    await lab.ledger.finish(claims[3], large)
    names = ["done", "asks", "runs", "large", "unknown"]
    found = await asyncio.gather(*(lab.register.end_of(lab.id(name)) for name in names))
    assert found == [await lab.job("done"), await lab.job("asks"), None, await lab.job("large"), None]
    assert found[3].result == large.result


async def test_a_job_too_large_for_a_message_is_kept_until_it_ends(lab):
    order = Submission(lab.identity("a", placed=False), message("wake"), lab.origin("a", b"x" * 3_000_000))
    await lab.register.queue([order])
    assert await lab.room.waiting(lab.id("a")) == Waiting(None, lab.origin("a", b"x" * 3_000_000))
    await lab.finish(await lab.begin("a"))
    assert await lab.room.waiting(lab.id("a")) is None


@pytest.mark.parametrize("status", ["queued", "parked", "interrupted", "given back", "worker lost"])
async def test_what_nobody_works_on_is_cancelled_here_and_now(lab, status):
    match status:
        case "queued":
            await lab.register.queue([Submission(lab.identity("a@t"), message(f"{lab.id('a')}:execute"))])
        case "parked":
            await lab.begin("z@t")
            assert await lab.park("a@t")
        case "interrupted":
            await lab.finish(await lab.begin("a@t"), "interrupted", kept=lab.origin("a"))
        case "given back":
            await lab.ledger.release(await lab.begin("a@t"), unused=False)
        case "worker lost":
            stale = await lab.begin("a@t")
            await lab.expire_lease("a")
    assert [await lab.cancel("a"), await lab.cancel("a")] == [lab.id("t"), None]
    assert await lab.state("a") == "cancelled"
    assert {"id": f"{lab.id('a')}:cancelled", "marked": False} in await lab.promised("a")
    assert isinstance(await lab.claim("a@t"), Finished)
    assert await lab.room.waiting(lab.id("a")) is None
    with pytest.raises(NotAsked):
        await lab.register.resume(lab.id("a"), "yes")
    if status == "worker lost":
        assert await lab.ledger.renew([stale]) == {}
        with pytest.raises(LeaseLost):
            await lab.finish(stale)


async def test_a_running_job_is_ended_by_its_worker_or_by_the_next(lab):
    claim = await lab.begin("a")
    assert await lab.cancel("a") is None
    assert await lab.ledger.renew([claim]) == {lab.id("a"): True}
    await lab.ledger.release(claim, unused=True)
    assert (await lab.begin("a")).cancelling


async def test_a_running_job_that_ends_by_itself_first_stays_as_it_ended(lab):
    claim = await lab.begin("a")
    await lab.cancel("a")
    await lab.finish(claim)
    assert [await lab.cancel("a"), await lab.state("a")] == [None, "completed"]


async def test_a_job_that_is_to_be_ended_does_not_begin_to_wait_for_a_person(lab):
    claim = await lab.begin("a")
    await lab.cancel("a")
    with pytest.raises(LeaseLost):
        await lab.finish(claim, "interrupted", kept=lab.origin("a"))
    await lab.expire_lease("a")
    assert (await lab.begin("a")).cancelling


async def test_no_job_is_cancelled_twice_nor_an_unknown_one(lab):
    assert await lab.cancel("unknown") is None
    got = await asyncio.gather(*(lab.cancel("unknown") for _ in range(3)))
    assert got == [None] * 3


async def test_jobs_are_listed_newest_first_page_by_page_by_status(lab):
    for name in ("a", "b", "c"):
        await lab.begin(name)
    await lab.finish(await lab.begin("d"))
    first = await lab.register.jobs(2, RUNNING)
    rest = await lab.register.jobs(500, RUNNING, first[-1])
    assert [lab.named(job.job_id) for job in first] == ["c", "b"]
    assert lab.named(rest[0].job_id) == "a"
    assert all(job.status == "running" for job in rest)


async def test_jobs_are_listed_by_thread_and_time(lab):
    for name in ("a@t", "b@t", "c"):
        await lab.finish(await lab.begin(name))
    a, b = [await lab.register.job(lab.id(name)) for name in ("a", "b")]
    got = [
        [lab.named(job.job_id) for job in await lab.register.jobs(9, JobFilter(thread_id=a.thread_id, **more))]
        for more in ({}, {"since": b.created_at}, {"until": b.created_at}, {"status": "failed"})
    ]
    assert got == [["b", "a"], ["b"], ["a"], []]
    assert await lab.register.jobs(9, JobFilter(thread_id="no\0thread")) == []


async def put_in(lab, name, *, waiting=False):
    def say(job_id, _):
        return message(f"{job_id}:cancelled")

    said = await lab.register.replace(
        Submission(lab.identity(name, placed=False), message(f"{lab.id(name[0])}:execute")), say, waiting=waiting
    )
    return said if isinstance(said, Taken) else (said.job_id, said.called is not None)


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_job_takes_the_place_of_one_that_waits_for_a_person(lab, waiting):
    await lab.finish(await lab.begin("a@t"), "interrupted", kept=lab.origin("a"))
    assert await put_in(lab, "b@t", waiting=waiting) == (lab.id("a"), True)
    assert await lab.states("a", "b") == ["cancelled", "queued"]
    assert {"id": f"{lab.id('a')}:cancelled", "marked": False} in await lab.promised("a")
    assert await lab.promised("b") == [{"id": f"{lab.id('b')}:execute", "marked": False}]


async def test_a_job_that_runs_is_to_be_ended_by_its_worker_or_spared(lab):
    claim = await lab.begin("a@t")
    assert await put_in(lab, "b@t", waiting=True) == (None, False)
    assert await lab.ledger.renew([claim]) == {lab.id("a"): False}
    assert await put_in(lab, "c@t") == (lab.id("a"), False)
    assert await lab.ledger.renew([claim]) == {lab.id("a"): True}
    assert await lab.states("a", "b", "c") == ["running", "queued", "queued"]


async def test_jobs_that_have_not_begun_are_spared(lab):
    await lab.begin("z@t")
    assert await lab.park("a@t")
    assert await put_in(lab, "b@t") == (lab.id("z"), False)
    assert await lab.states("a", "b") == ["parked", "queued"]


async def test_a_job_whose_id_is_taken_takes_nobodys_place(lab):
    await lab.finish(await lab.begin("a@t"), "interrupted", kept=lab.origin("a"))
    await lab.register.queue([Submission(lab.identity("b", "other", placed=False), message("other"))])
    assert await put_in(lab, "b@t") == Taken(0)
    assert await lab.states("a", "b") == ["interrupted", "queued"]


async def test_the_same_job_again_ends_none_but_itself_is_there(lab):
    await lab.finish(await lab.begin("a@t"), "interrupted", kept=lab.origin("a"))
    assert [await put_in(lab, "b@t"), await put_in(lab, "b@t")] == [(lab.id("a"), True), (None, False)]
    assert await lab.states("a", "b") == ["cancelled", "queued"]
