"""What belongs to a tenant is not there for another, and nobody begins on another's thread."""

import asyncio

import pytest

from executor.jobs.claims import Claim, Conflict
from executor.jobs.job import JobFilter, Submission, Taken
from executor.ledger import Ledger, Register, WaitingRoom
from tests.integration.durable.lab import LEASE, message

pytestmark = pytest.mark.anyio

OWN = "ours"


@pytest.fixture
def told_apart(lab):
    """The ledger where tenants are told apart: what has none belongs to OWN."""
    object.__setattr__(lab, "ledger", Ledger(lab.pool, LEASE, OWN))
    object.__setattr__(lab, "room", WaitingRoom(lab.pool, OWN))
    object.__setattr__(lab, "register", Register(lab.pool, OWN))
    return lab


async def queue(lab, tenant, *names, content=""):
    return await lab.register.queue([order(lab, tenant, name, content) for name in names])


def order(lab, tenant, name, content=""):
    said = message(f"{lab.id(name)}:execute")
    return Submission(lab.identity(name, content, placed=False), said, tenant=tenant)


async def listed(lab, tenant, **only):
    found = await lab.register.jobs(500, JobFilter(tenant=tenant, **only))
    return [lab.named(job.job_id) for job in found if job.job_id.startswith(lab.tag)]


async def test_what_is_submitted_belongs_to_who_submits_it(told_apart):
    lab = told_apart
    assert await queue(lab, "red", "a@t") is None
    await lab.finish(await lab.begin("a@t"))
    seen = [await lab.register.job(lab.id("a"), who) for who in ("red", "blue", OWN, None)]
    assert [job and job.status for job in seen] == ["completed", None, None, "completed"]


async def test_who_has_no_tenant_belongs_to_ours(told_apart):
    lab = told_apart
    await lab.begin("nats@t")
    assert [bool(await lab.register.job(lab.id("nats"), who)) for who in (OWN, "red", "")] == [True, False, False]
    assert await queue(lab, OWN, "http@t") is None
    assert await listed(lab, OWN) == ["http", "nats"]


async def test_anothers_id_is_taken_whatever_its_content_is(told_apart):
    lab = told_apart
    assert await queue(lab, "red", "a@t") is None
    assert await queue(lab, "red", "a@t") is None
    assert await queue(lab, "blue", "a@t") == Taken(0)
    assert await queue(lab, "blue", "a@u", content="other") == Taken(0)
    assert await queue(lab, OWN, "a@t") == Taken(0)
    assert await lab.promised("a") == [{"id": f"{lab.id('a')}:execute", "marked": False}]


async def test_of_a_batch_with_anothers_thread_nothing_is_written(told_apart):
    lab = told_apart
    assert await queue(lab, "red", "a@t") is None
    assert await queue(lab, "blue", "b@u", "c@t") == Taken(1, "thread_id")
    assert await lab.register.job(lab.id("b")) is None


async def test_a_job_over_nats_is_a_conflict_on_anothers_thread(told_apart):
    lab = told_apart
    assert await queue(lab, "red", "a@t") is None
    assert await lab.claim("b@t") == Conflict()
    assert await lab.park("c@t") is False
    assert await lab.claim("c@t") == Conflict()
    assert isinstance(await lab.claim("a@t"), Claim)
    assert await lab.claim("d@t") == Conflict()
    assert [await lab.register.job(lab.id(name)) for name in "bcd"] == [None] * 3


async def test_a_caller_is_refused_on_a_thread_that_began_over_nats(told_apart):
    lab = told_apart
    await lab.finish(await lab.begin("a@t"))
    assert await queue(lab, "red", "b@t") == Taken(0, "thread_id")
    assert await queue(lab, OWN, "b@t") is None


async def test_where_tenants_are_not_told_apart_all_share_ids_and_threads(told_apart):
    lab = told_apart
    assert await queue(lab, "red", "a@t") is None
    everybody = Register(lab.pool)
    assert await everybody.queue([order(lab, None, "a@t"), order(lab, None, "b@t")]) is None
    assert isinstance(await lab.another().claim(lab.identity("c@t")), Claim)
    assert {lab.named(job.job_id) for job in await everybody.jobs(9, JobFilter(thread_id=lab.id("t")))} == {*"abc"}


async def test_of_two_who_begin_a_thread_at_the_same_moment_one_is_refused(told_apart):
    lab = told_apart
    for turn in range(20):
        got = await asyncio.gather(*(queue(lab, who, f"{who}{turn}@t{turn}") for who in ("red", "blue", "green")))
        assert sorted(got, key=repr) == [None, Taken(0, "thread_id"), Taken(0, "thread_id")]


async def test_of_a_caller_and_a_sender_who_begin_a_thread_at_the_same_moment_one_is_refused(told_apart):
    lab = told_apart
    for turn in range(20):
        submitted, claimed = await asyncio.gather(
            queue(lab, "red", f"http{turn}@t{turn}"), lab.claim(f"nats{turn}@t{turn}")
        )
        assert (submitted is None) == (claimed == Conflict()), (submitted, claimed)


async def test_of_a_caller_and_a_sender_whose_job_is_parked_one_is_refused(told_apart):
    lab = told_apart
    for turn in range(20):
        submitted, _ = await asyncio.gather(queue(lab, "red", f"http{turn}@t{turn}"), lab.park(f"nats{turn}@t{turn}"))
        parked = await lab.register.job(lab.id(f"nats{turn}"))
        assert (submitted is None) == (parked is None)


async def test_batches_over_the_same_threads_do_not_wait_for_each_other_for_ever(told_apart):
    lab = told_apart
    names = [f"t{n}" for n in range(10)]
    got = await asyncio.gather(
        queue(lab, "red", *(f"r{name}@{name}" for name in names)),
        queue(lab, "blue", *(f"b{name}@{name}" for name in reversed(names))),
    )
    assert sorted(got, key=repr) == [None, Taken(0, "thread_id")]


async def test_a_list_tells_a_tenants_jobs_only_page_by_page(told_apart):
    lab = told_apart
    for n in range(4):
        for who in ("red", "blue", OWN):
            await queue(lab, who, f"{who}-{n}@{who}")
        await lab.finish(await lab.begin(f"nats-{n}@nats"))
    mine = [f"{word}-{n}" for n in (3, 2, 1, 0) for word in ("nats", OWN)]
    assert [await listed(lab, who) for who in ("red", OWN, "nobody")] == [[f"red-{n}" for n in (3, 2, 1, 0)], mine, []]
    assert await listed(lab, OWN, status="queued") == [f"{OWN}-{n}" for n in (3, 2, 1, 0)]
    assert await listed(lab, OWN, status="completed") == [f"nats-{n}" for n in (3, 2, 1, 0)]
    assert await paged(lab, 3, JobFilter(tenant=OWN)) == mine
    assert await paged(lab, 2, JobFilter(tenant="red", status="queued")) == [f"red-{n}" for n in (3, 2, 1, 0)]


async def paged(lab, size, only):
    seen, last = [], None
    while page := await lab.register.jobs(size, only, last):
        seen += [lab.named(job.job_id) for job in page if job.job_id.startswith(lab.tag)]
        last = page[-1]
    return seen


async def test_a_list_of_a_thread_is_its_tenants(told_apart):
    lab = told_apart
    await queue(lab, "red", "a@t", "b@t")
    a, b = await lab.job("a"), await lab.job("b")
    of_thread = {"thread_id": lab.id("t")}
    assert [await listed(lab, who, **of_thread) for who in ("red", "blue", OWN)] == [["b", "a"], [], []]
    assert await listed(lab, "red", **of_thread, status="queued") == ["b", "a"]
    assert await listed(lab, "red", **of_thread, until=a.created_at) == []
    assert await listed(lab, "red", since=b.created_at) == ["b", "a"]  # of one commit


async def test_time_bounds_hold_in_a_tenants_list(told_apart):
    lab = told_apart
    for name in "abc":
        await queue(lab, "lone", name)
    a, b, c = [await lab.job(name) for name in "abc"]
    assert await listed(lab, "lone", since=b.created_at) == ["c", "b"]
    assert await listed(lab, "lone", until=c.created_at, status="queued") == ["b", "a"]
    only = JobFilter(tenant="lone", until=b.created_at)
    assert [lab.named(job.job_id) for job in await lab.register.jobs(9, only, c)] == ["a"]
    assert await lab.register.jobs(9, only, a) == []
