"""Every statement of the ledger, on a real database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from executor.errors import LeaseLost, TryAgain
from executor.jobs import Blocked, Busy, Claim, Conflict, Early, Finished, Order, Waiting, Wake
from tests.integration.durable.lab import lab_on, message, woken

pytestmark = pytest.mark.anyio

SOON = timedelta(seconds=60)


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
    assert await lab.park("next@b") is False
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
    assert [type(error).__name__ for error in errors] == ["NoneType", "CheckViolation"]
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


async def test_an_early_job_is_parked_until_its_time_and_blocks_nobody_meanwhile(lab):
    due = datetime.now(UTC) + SOON
    assert await lab.claim("a@t", not_before=due) == Early()
    assert await lab.park("a@t", due)
    assert await lab.swept() == []
    await lab.finish(await lab.begin("b@t"))
    assert await lab.settle("t") == []
    await lab.ask("UPDATE jobs SET not_before = now() WHERE job_id = %(id)s", id=lab.id("a"))
    assert await lab.swept() == ["a"]
    assert (await lab.begin("a@t")).attempt == 1


async def test_an_early_job_that_came_again_and_is_due_now_begins(lab):
    assert await lab.park("a", datetime.now(UTC) + SOON)
    assert isinstance(await lab.claim("a", not_before=datetime.now(UTC) - SOON), Claim)


async def test_a_parked_job_keeps_the_message_that_asked_for_it_until_it_ends(lab):
    await lab.begin("a@t")
    assert await lab.park("b@t", **{"X-Own": "ä"})
    assert await lab.ledger.waiting(lab.id("b")) == Waiting(2, lab.origin("b", **{"X-Own": "ä"}))
    assert await lab.ledger.waiting(lab.id("a")) is None
    await lab.cancel("b")
    assert await lab.ledger.waiting(lab.id("b")) is None


async def test_what_ends_wakes_the_next_of_its_thread_and_no_other(lab):
    first = await lab.begin("a@t")
    await lab.begin("x@u")
    for name in ("c@t", "b@t", "y@u"):
        lab.identity(name)
    for name in ("b@t", "c@t", "y@u"):
        assert await lab.park(name)
    await lab.finish(first)
    assert woken(await lab.settle("t"), lab) == [("c", 1)]
    assert await lab.settle("t") == []
    assert await lab.swept() == []
    assert await lab.states("b", "c", "y") == ["parked", "queued", "parked"]
    assert await lab.claim("b@t") == Blocked()
    await lab.finish(await lab.begin("c@t"))
    assert woken(await lab.settle("t"), lab) == [("b", 1)]


async def test_the_sweep_wakes_who_was_not_woken_once(lab):
    await lab.finish(await lab.begin("a@t"))
    claim = await lab.begin("b@t")
    for name in ("c@t", "d@t"):
        assert await lab.park(name)
    await lab.finish(claim)
    assert [await lab.swept() for _ in range(2)] == [["c"], []]


async def test_many_who_settle_and_sweep_at_once_wake_one(lab):
    claim = await lab.begin("a@t")
    for name in ("b@t", "c@t", "d@t"):
        assert await lab.park(name)
    await lab.finish(claim)
    got = await asyncio.gather(*(lab.settle("t") for _ in range(4)), *(lab.ledger.wakes() for _ in range(3)))
    assert [each for wakes in got for each in woken(wakes, lab) if each[0] in "bcd"] == [("b", 1)]


async def test_who_was_woken_and_never_began_is_asked_for_again_by_the_same_message(lab):
    claim = await lab.begin("a@t")
    assert await lab.park("b@t")
    await lab.finish(claim)
    [wake] = await lab.settle("t")
    await lab.ask("UPDATE jobs SET woken_at = now() - interval '2 minutes' WHERE job_id = %(id)s", id=lab.id("b"))
    assert wake in await lab.ledger.wakes()
    assert wake not in await lab.ledger.wakes()


async def test_what_need_not_wait_any_more_is_not_parked(lab):
    await lab.finish(await lab.begin("a@t"))
    assert not await lab.park("b@t")
    assert await lab.ask("SELECT FROM jobs WHERE job_id = %(id)s", id=lab.id("b")) == []


async def test_what_another_worker_has_is_not_parked(lab):
    """Its message must not be acknowledged: it is what brings the job back when that worker dies."""
    lab.identity("late@t")
    await lab.begin("b@t")
    assert await lab.park("late@t")
    assert not await lab.park("b@t")
    assert await lab.state("b") == "running"
    assert not await lab.park("b@t", datetime.now(UTC) + SOON)


async def test_an_interrupted_job_holds_its_thread_and_goes_on_with_an_answer(lab):
    claim = await lab.begin("a@t")
    await lab.finish(claim, "interrupted", kept=lab.origin("a"))
    assert await lab.settle("t") == []
    assert await lab.claim("a@t") == Finished("interrupted", 1, lab.outcome(lab.id("a"), "interrupted").messages)
    assert await lab.claim("b@t") == Blocked()
    assert await lab.park("b@t")
    assert await lab.swept() == []
    assert (await lab.job("a")).result == {"interrupts": [{"id": "q", "value": "sure?"}]}
    assert await lab.register.resume(lab.id("a"), "yes") == Wake(lab.id("a"), 1)
    assert await lab.register.resume(lab.id("a"), "no") is None
    assert (await lab.job("a")).result is None
    assert await lab.ledger.waiting(lab.id("a")) == Waiting(1, lab.origin("a"))
    again = await lab.begin("a@t")
    assert again.answer == {"resume": "yes", "interrupts": [{"id": "q", "value": "sure?"}]}
    assert again.attempt == 2
    await lab.finish(again)
    assert woken(await lab.settle("t"), lab) == [("b", 1)]


@pytest.mark.parametrize("state", ["interrupted", "resumed", "given back", "worker lost"])
async def test_an_earlier_job_that_comes_late_does_not_come_between_one_that_has_begun(lab, state):
    """Its own checkpoint would be the thread's last, and the other would begin anew."""
    lab.identity("late@t")
    claim = await lab.begin("b@t")
    match state:
        case "given back":
            await lab.ledger.release(claim, unused=False)
        case "worker lost":
            await lab.expire_lease("b")
        case _:
            await lab.finish(claim, "interrupted", kept=lab.origin("b"))
    if state == "resumed":
        await lab.register.resume(lab.id("b"), "yes")
    assert await lab.claim("late@t") == Blocked()
    assert await lab.park("late@t")
    assert await lab.swept() == []
    if state == "interrupted":
        await lab.register.resume(lab.id("b"), "yes")
    await lab.finish(await lab.begin("b@t"))
    assert woken(await lab.settle("t"), lab) == [("late", 1)]


async def test_a_job_over_http_blocks_nobody_before_it_is_in_the_stream(lab):
    order = Order(lab.identity("http@t", placed=False), message("m"))
    assert await lab.register.queue([order]) is None
    claim = await lab.begin("b@t")
    assert await lab.claim("http@t") == Blocked()
    assert await lab.park("c@t")
    await lab.finish(claim)
    assert woken(await lab.settle("t"), lab) == [("c", 1)]


async def test_jobs_are_queued_all_or_none(lab):
    orders = [Order(lab.identity(name), message(f"{lab.id(name)}:execute")) for name in ("a", "b")]
    taken = Order(lab.identity("a", content="other"), message("never"))
    assert await lab.register.queue(orders[:1]) is None
    assert await lab.register.queue([orders[1], taken]) == 1
    assert await lab.register.job(lab.id("b")) is None
    assert await lab.register.queue(orders) is None
    assert await lab.states("a", "b") == ["queued", "queued"]
    assert await lab.promised("a") == [{"id": f"{lab.id('a')}:execute", "marked": False}]


async def test_a_job_too_large_for_a_message_is_kept_until_it_ends(lab):
    order = Order(lab.identity("a", placed=False), message("wake"), lab.origin("a", b"x" * 3_000_000))
    await lab.register.queue([order])
    assert await lab.ledger.waiting(lab.id("a")) == Waiting(None, lab.origin("a", b"x" * 3_000_000))
    await lab.finish(await lab.begin("a"))
    assert await lab.ledger.waiting(lab.id("a")) is None


async def test_what_is_promised_to_nobody_in_particular_is_marked_too(lab):
    said = message(f"{lab.tag}:failed")
    await lab.ledger.promise([said])
    await lab.ledger.promise([said])
    assert said not in await lab.ledger.overdue()
    await lab.ask("UPDATE outbox SET created_at = now() - interval '1 day' WHERE id = %(id)s", id=said.id)
    assert [each for each in await lab.ledger.overdue() if each.id == said.id] == [said]
    await lab.ledger.published([said])
    assert said not in await lab.ledger.overdue()


async def test_a_rejected_job_has_failed_also_where_it_was_queued_before(lab):
    await lab.begin("a@t")
    await lab.register.queue([Order(lab.identity("c@t"), message(f"{lab.id('c')}:execute"))])
    for name in ("b", "c"):
        outcome = lab.outcome(lab.id(name), "failed")
        await lab.ledger.reject(lab.identity(f"{name}@t"), outcome)
        assert {said.id for said in outcome.messages} <= {row["id"] for row in await lab.promised(name)}
        assert (await lab.state(name), (await lab.job(name)).error) == ("failed", {"type": "bad"})
        with pytest.raises(TryAgain):
            await lab.ledger.reject(lab.identity(f"{name}@t"), outcome)


async def test_a_job_that_began_is_not_rejected(lab):
    await lab.begin("a@t")
    with pytest.raises(TryAgain):
        await lab.ledger.reject(lab.identity("a@t"), lab.outcome(lab.id("a"), "failed"))
    assert (await lab.state("a"), await lab.promised("a")) == ("running", [])


async def test_a_failed_job_begins_anew_once_for_each_dead_letter(lab):
    await lab.finish(await lab.begin("a"), "failed")
    assert isinstance(await lab.claim("a"), Finished)
    again = await lab.claim("a", replay=7)
    assert (again.epoch, again.attempt, again.replay) == (2, 1, 7)
    await lab.expire_lease("a")
    lost = await lab.claim("a", replay=7)
    assert (lost.epoch, lost.attempt, lost.replay) == (3, 2, 7)
    await lab.finish(lost, "failed")
    assert isinstance(await lab.claim("a", replay=7), Finished)
    assert isinstance(await lab.claim("a", replay=3), Finished)
    assert (await lab.claim("a", replay=8)).attempt == 1


@pytest.mark.parametrize("status", ["completed", "cancelled", "interrupted"])
async def test_only_a_failed_job_is_replayed(lab, status):
    claim = await lab.begin("a")
    await lab.finish(claim, status)
    assert isinstance(await lab.claim("a", replay=7), Finished)
    assert await lab.state("a") == status


async def test_a_replay_waits_for_its_thread_at_its_new_place(lab):
    await lab.finish(await lab.begin("a@t"), "failed")
    busy = await lab.begin("b@t")
    assert await lab.park("c@t")
    replayed = replace(lab.identity("a@t"), sequence=9)
    assert await lab.ledger.claim(replayed, replay=7) == Blocked()
    assert await lab.ledger.park(replayed, lab.origin("a", **{"Dlq-Replay": "7"}))
    job = await lab.job("a")
    assert (job.status, job.attempts, job.finished_at, job.error) == ("parked", 0, None, None)
    await lab.finish(busy)
    assert woken(await lab.settle("t"), lab) == [("c", 1)]
    await lab.finish(await lab.begin("c@t"))
    assert woken(await lab.settle("t"), lab) == [("a", 1)]
    again = await lab.ledger.claim(replayed, replay=7)
    assert (again.attempt, again.replay) == (1, 7)


async def test_a_replay_is_not_ended_by_a_wish_from_before(lab):
    claim = await lab.begin("a")
    await lab.cancel("a")
    await lab.finish(claim, "failed")
    assert (await lab.claim("a", replay=7)).cancelling is False


@pytest.mark.parametrize("status", ["queued", "parked", "interrupted", "given back", "worker lost"])
async def test_what_nobody_works_on_is_cancelled_here_and_now(lab, status):
    match status:
        case "queued":
            await lab.register.queue([Order(lab.identity("a@t"), message(f"{lab.id('a')}:execute"))])
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
    assert await lab.ledger.waiting(lab.id("a")) is None
    assert await lab.register.resume(lab.id("a"), "yes") is None
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


def noting():
    """A list, and what notes threads there instead of forgetting their checkpoints."""
    threads = []

    async def forget(thread):
        threads.append(thread)

    return threads, forget


async def test_what_could_not_be_forgotten_is_left_for_the_next_time(lab):
    await lab.finish(await lab.begin("a"))
    await lab.ask("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE job_id = %(id)s", id=lab.id("a"))

    async def fail(_):
        raise TryAgain("away")

    with pytest.raises(TryAgain):
        await lab.register.expire(86_400, fail)
    assert await lab.state("a") == "completed"
    threads, forget = noting()
    await lab.register.expire(86_400, forget)
    assert lab.id("a") in threads


async def test_old_jobs_are_forgotten_with_what_they_said_and_threads_only_with_their_last_job(lab):
    for name in ("old@t", "new@t", "alone@u", "young@v"):
        claim = await lab.begin(name)
        await lab.finish(claim)
    await lab.begin("running@w")
    query = "UPDATE jobs SET finished_at = now() - interval '2 days' WHERE job_id = ANY(%(ids)s)"
    await lab.ask(query, ids=[lab.id("old"), lab.id("alone")])
    threads, forget = noting()
    assert await lab.register.expire(86_400, forget) >= 2
    assert [thread for thread in threads if thread.startswith(lab.tag)] == [lab.id("u")]
    left = [job.job_id for job in await lab.register.jobs(500) if job.job_id.startswith(lab.tag)]
    assert sorted(map(lab.named, left)) == ["new", "running", "young"]
    assert await lab.promised("old") == []


async def test_a_message_about_no_job_is_forgotten_when_it_was_published(lab):
    said = [message(f"{lab.tag}:{word}") for word in ("published", "promised")]
    await lab.ledger.promise(said)
    await lab.ledger.published(said[:1])
    await lab.ask("UPDATE outbox SET published_at = now() - interval '2 days' WHERE id = %(id)s", id=said[0].id)
    await lab.register.expire(86_400, noting()[1])
    left = await lab.ask("SELECT id FROM outbox WHERE id LIKE %(mine)s", mine=f"{lab.tag}%")
    assert left == [{"id": said[1].id}]
    await lab.ledger.published(said)


async def test_jobs_are_listed_newest_first_page_by_page_by_status(lab):
    for name in ("a", "b", "c"):
        await lab.begin(name)
    await lab.finish(await lab.begin("d"))
    first = await lab.register.jobs(2, "running")
    rest = await lab.register.jobs(500, "running", first[-1])
    assert [lab.named(job.job_id) for job in first] == ["c", "b"]
    assert lab.named(rest[0].job_id) == "a"
    assert all(job.status == "running" for job in rest)


async def test_places_of_the_stream_that_no_job_came_from_are_unknown(lab):
    far = int(lab.tag, 16)
    for offset, name in ((2, "a"), (5, "b")):
        identity = lab.identity(name)
        await lab.ledger.claim(replace(identity, sequence=far + offset))
    assert await lab.ledger.unknown(far, far + 7) == [far + 1, far + 3, far + 4, far + 6]
    assert await lab.ledger.seen([lab.id("a"), lab.id("never")]) == {lab.id("a")}


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


async def test_a_job_whose_worker_and_message_are_gone_is_claimed_to_be_ended(lab):
    """Not one that is leased, nor one that waits here, nor one whose message is still in the stream."""
    for name in ("dead", "given back", "leased", "kept"):
        await lab.begin(name)
    await lab.ask(
        "UPDATE jobs SET lease_until = now() - interval '2 minutes' WHERE job_id = ANY(%(ids)s)",
        ids=[lab.id("dead"), lab.id("kept")],
    )
    await lab.ask(
        "UPDATE jobs SET status = 'queued', lease_until = NULL WHERE job_id = %(id)s", id=lab.id("given back")
    )
    await lab.ask("UPDATE jobs SET body = 'waits here' WHERE job_id = %(id)s", id=lab.id("kept"))
    assert await lab.ledger.stranded(first=1) == []
    found = await lab.ledger.stranded(first=100)
    mine = {thread: claim for thread, claim in found if claim.job_id.startswith(lab.tag)}
    assert {lab.named(thread): (claim.epoch, claim.attempt) for thread, claim in mine.items()} == {
        "dead": (2, 1),
        "given back": (2, 1),
    }
    await lab.finish(mine[lab.id("dead")], "failed")
    assert await lab.states("dead", "leased", "kept") == ["failed", "running", "running"]


async def test_a_woken_job_whose_worker_died_is_asked_for_again(lab):
    before = await lab.begin("a@t")
    assert await lab.park("b@t")
    await lab.finish(before)
    assert woken(await lab.settle("t"), lab) == [("b", 1)]
    await lab.begin("b@t")
    assert await lab.swept() == []
    await lab.ask(
        "UPDATE jobs SET woken_at = now() - interval '2 minutes', lease_until = now() - interval '2 minutes'"
        " WHERE job_id = %(id)s",
        id=lab.id("b"),
    )
    assert await lab.swept() == ["b"]
