"""Claims, leases and outcomes, on a real database."""

import asyncio
from dataclasses import replace

import pytest
from psycopg import sql

from executor.errors import LeaseLost, TryAgain
from executor.jobs.claims import Busy, Claim, Conflict, Finished
from tests.integration.durable.lab import lab_on, woken

pytestmark = pytest.mark.anyio


async def test_a_new_job_is_claimed_in_its_first_attempt_and_epoch(lab):
    claim = await lab.claim("a")
    assert claim == Claim(lab.id("a"), epoch=1, attempt=1, elapsed=0.0, at=claim.at, fresh=True)
    job = await lab.job("a")
    assert (job.status, job.attempts, job.started_at, job.finished_at) == ("running", 1, claim.at, None)


async def test_a_job_that_somebody_has_is_busy_for_as_long_as_its_lease(lab):
    await lab.begin("a")
    match await lab.claim("a"):
        case Busy(after):
            assert 25 < after <= 30
        case other:
            pytest.fail(str(other))


async def test_one_of_many_who_claim_at_once_gets_the_job(lab):
    got = await asyncio.gather(*(lab.another().claim(lab.identity("a")) for _ in range(8)))
    assert sorted(type(each).__name__ for each in got) == ["Busy"] * 7 + ["Claim"]


async def test_one_of_many_jobs_that_begin_on_a_thread_at_once_begins(lab):
    got = await asyncio.gather(*(lab.another().claim(lab.identity(f"j{n}@t")) for n in range(8)))
    assert sorted(type(each).__name__ for each in got) == ["Blocked"] * 7 + ["Claim"]


async def test_many_jobs_of_one_worker_begin_and_end_together_and_each_gets_its_own_answer(lab):
    stale = await lab.begin("old")
    await lab.expire_lease("old")
    await lab.begin("old")
    lab.identity("next@b")
    claims = await asyncio.gather(*map(lab.begin, ("a", "b@b", "c")))
    assert [claim.job_id for claim in claims] == [lab.id("a"), lab.id("b"), lab.id("c")]
    assert await lab.park("next@b")
    ended = await asyncio.gather(*map(lab.finish, (*claims, stale)), return_exceptions=True)
    assert [type(each).__name__ for each in ended] == ["Outcome"] * 3 + ["LeaseLost"]
    assert [len(await lab.promised(name)) for name in ("a", "b", "c", "old")] == [1, 1, 1, 0]
    wakes = await asyncio.gather(*map(lab.settle, ("a", "b", "c")))
    assert [woken(each, lab) for each in wakes] == [[], [("next", 1)], []]


async def test_an_outcome_that_cannot_be_written_is_no_hindrance_to_others(lab):
    good, bad = await asyncio.gather(lab.begin("good"), lab.begin("bad"))
    broken = replace(lab.outcome(bad.job_id, "completed"), status="no such status")
    written = lab.ledger.finish(good, lab.outcome(good.job_id, "completed")), lab.ledger.finish(bad, broken)
    errors = await asyncio.gather(*written, return_exceptions=True)
    assert [type(error).__name__ for error in errors] == ["bool", "CheckViolation"]
    assert await lab.states("good", "bad") == ["completed", "running"]


async def test_only_the_first_claim_on_a_thread_without_checkpoints_is_fresh(lab):
    await lab.ask(
        "INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, checkpoint) VALUES (%(id)s, '', 'c', '{}')",
        id=lab.id("t"),
    )
    first, other = await lab.begin("a"), await lab.begin("b@t")
    await lab.ledger.release(first, unused=True)
    again = await lab.begin("a")
    assert [claim.fresh for claim in (first, other, again)] == [True, False, False]


async def test_a_lease_that_ran_out_is_taken_over_and_the_attempt_counted(lab):
    first = await lab.begin("a")
    await lab.expire_lease("a")
    second = await lab.begin("a")
    assert (second.epoch, second.attempt) == (first.epoch + 1, 2)


async def test_who_lost_the_lease_can_write_nothing_any_more(lab):
    stale = await lab.begin("a")
    await lab.expire_lease("a")
    mine = await lab.begin("a")
    assert await lab.ledger.renew([stale]) == {}
    with pytest.raises(LeaseLost):
        await lab.finish(stale)
    await lab.ledger.release(stale, unused=False)
    assert (await lab.state("a"), await lab.promised("a")) == ("running", [])
    assert await lab.ledger.renew([stale, mine]) == {lab.id("a"): False}
    await lab.finish(mine)
    assert await lab.state("a") == "completed"


async def test_a_lease_that_ran_out_may_be_renewed_while_nobody_took_it(lab):
    claim = await lab.begin("a")
    await lab.expire_lease("a")
    assert await lab.ledger.renew([claim]) == {lab.id("a"): False}
    assert isinstance(await lab.claim("a"), Busy)


async def test_a_job_that_was_given_back_is_claimed_again_and_an_unused_attempt_does_not_count(lab):
    await lab.ledger.release(await lab.begin("a"), unused=True)
    second = await lab.begin("a")
    await lab.ledger.release(second, unused=False)
    third = await lab.begin("a")
    assert [(c.epoch, c.attempt) for c in (second, third)] == [(2, 1), (3, 2)]


async def test_an_outcome_and_what_it_promises_are_one_commit(lab):
    claim = await lab.begin("a")
    outcome = await lab.finish(claim)
    job = await lab.job("a")
    assert (job.status, job.result, job.error, job.duration_ms) == ("completed", {"output": "x"}, None, 5)
    assert job.finished_at is not None
    assert await lab.promised("a") == [{"id": f"{lab.id('a')}:completed", "marked": False}]
    assert await lab.claim("a") == Finished("completed", 1, outcome.messages)
    assert await lab.settle("a", *outcome.messages) == []
    assert await lab.claim("a") == Finished("completed", 1, ())


async def test_a_job_ends_once(lab):
    claim = await lab.begin("a")
    await lab.finish(claim, "failed")
    with pytest.raises(LeaseLost):
        await lab.finish(claim)
    assert [row["id"] for row in await lab.promised("a")] == [f"{lab.id('a')}:dlq", f"{lab.id('a')}:failed"]


@pytest.mark.parametrize("status", ["running", "completed", "parked", "interrupted"])
async def test_an_id_with_other_content_is_a_conflict_whatever_the_first_does(lab, status):
    if status == "parked":
        await lab.begin("first@t")
        assert await lab.park("a@t")
    else:
        claim = await lab.begin("a@t")
        if status != "running":
            await lab.finish(claim, status)
    assert await lab.claim("a@t", content="other") == Conflict()
    assert await lab.state("a@t") == status


async def test_places_of_the_stream_that_no_job_came_from_are_unknown(lab):
    far = int(lab.tag, 16)
    for offset, name in ((2, "a"), (5, "b")):
        identity = lab.identity(name)
        await lab.ledger.claim(replace(identity, sequence=far + offset))
    assert await lab.room.unknown(far, far + 7) == [far + 1, far + 3, far + 4, far + 6]
    assert await lab.room.seen([lab.id("a"), lab.id("never")]) == {lab.id("a")}


async def test_a_database_that_only_reads_is_one_that_is_away(lab, postgres):
    """So it is for a moment when the primary changes."""
    name = sql.Identifier(postgres.database)
    async with lab.pool.connection() as admin:
        await admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        try:
            async with lab_on(postgres) as other:
                with pytest.raises(TryAgain):
                    await other.claim("a")
        finally:
            await admin.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
