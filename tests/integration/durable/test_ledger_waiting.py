"""What waits in the ledger, and who wakes it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from executor.jobs.answers import NotAsked
from executor.jobs.claims import Blocked, Claim, Early, Finished, GoesOn, Waiting, Wake
from tests.integration.durable.lab import message, woken

pytestmark = pytest.mark.anyio

SOON = timedelta(seconds=60)


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
    assert await lab.room.waiting(lab.id("b")) == Waiting(2, lab.origin("b", **{"X-Own": "ä"}))
    assert await lab.room.waiting(lab.id("a")) is None
    assert await lab.ledger.ended(lab.id("b")) is None
    await lab.cancel("b")
    assert await lab.room.waiting(lab.id("b")) is None
    cancelled = (message(f"{lab.id('b')}:cancelled"),)
    assert await lab.ledger.ended(lab.id("b")) == (lab.id("t"), Finished("cancelled", 0, cancelled))


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
    got = await asyncio.gather(*(lab.settle("t") for _ in range(4)), *(lab.sweeps.wakes() for _ in range(3)))
    assert [each for wakes in got for each in woken(wakes, lab) if each[0] in "bcd"] == [("b", 1)]


async def test_who_was_woken_and_never_began_is_asked_for_again_by_the_same_message(lab):
    claim = await lab.begin("a@t")
    assert await lab.park("b@t")
    await lab.finish(claim)
    [wake] = await lab.settle("t")
    await lab.ask("UPDATE jobs SET woken_at = now() - interval '2 minutes' WHERE job_id = %(id)s", id=lab.id("b"))
    assert wake in await lab.sweeps.wakes()
    assert wake not in await lab.sweeps.wakes()


async def test_what_need_not_wait_any_more_may_be_claimed_at_once(lab):
    await lab.finish(await lab.begin("a@t"))
    assert not await lab.park("b@t")
    assert (await lab.begin("b@t")).attempt == 1


async def test_many_of_a_thread_are_parked_at_once_and_come_in_order(lab):
    first = await lab.begin("a@t")
    waiting = [lab.applicant(f"{name}@t") for name in "bcd"]
    assert await lab.room.park(waiting[::-1]) == {each.job.job_id for each in waiting}
    await lab.finish(first)
    for name in "bcd":
        assert woken(await lab.settle("t"), lab) == [(name, 1)]
        await lab.finish(await lab.begin(f"{name}@t"))


async def test_of_many_who_come_to_a_free_thread_all_but_the_first_wait(lab):
    waiting = [lab.applicant(f"{name}@t") for name in "abc"]
    assert await lab.room.park(waiting) == {lab.id("b"), lab.id("c")}
    assert await lab.claim("b@t") == Blocked()
    assert isinstance(await lab.claim("a@t"), Claim)


async def test_those_of_several_threads_are_parked_together_and_each_has_its_own_answer(lab):
    await lab.begin("a@t")
    lines = [[lab.applicant("b@t")], [lab.applicant("x@u"), lab.applicant("y@u")], [lab.applicant("c@t")]]
    found = await asyncio.gather(*map(lab.room.park, lines))
    assert found == [{lab.id("b")}, {lab.id("y")}, {lab.id("c")}]


async def test_one_that_has_begun_is_not_parked_behind_others_of_its_thread(lab):
    """It would hold the thread that it waits for."""
    lab.identity("early@t")
    await lab.ledger.release(await lab.begin("a@t"), unused=False)
    assert not await lab.park("a@t")
    assert await lab.park("early@t")
    assert isinstance(await lab.claim("a@t"), Claim)


async def test_a_thread_goes_on_with_whoever_has_begun_or_was_woken_once_nobody_has_it(lab):
    claim = await lab.begin("a@t")
    assert await lab.park("b@t")
    assert await lab.room.goes_on(lab.id("t")) is None, "its own message brings it"
    await lab.finish(claim)
    await lab.settle("t")
    assert await lab.room.goes_on(lab.id("t")) == GoesOn(lab.id("b"), 0.0)
    claim = await lab.begin("b@t")
    found = await lab.room.goes_on(lab.id("t"))
    assert (found.job_id, 25 < found.after <= 30) == (lab.id("b"), True)
    await lab.ledger.release(claim, 60.0, unused=False)
    assert 55 < (await lab.room.goes_on(lab.id("t"))).after <= 60
    await lab.finish(await lab.begin("b@t"))
    assert await lab.room.goes_on(lab.id("t")) is None


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
    with pytest.raises(NotAsked):
        await lab.register.resume(lab.id("a"), "no")
    assert (await lab.job("a")).result is None
    assert await lab.room.waiting(lab.id("a")) == Waiting(1, lab.origin("a"))
    again = await lab.begin("a@t")
    assert again.answers == {"q": "yes"}
    assert (again.attempt, again.total, again.spared) == (1, 1, "answer")
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
