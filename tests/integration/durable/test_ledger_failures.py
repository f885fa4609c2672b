"""Jobs that failed: rejected, replayed, orphaned."""

from dataclasses import replace

import pytest

from executor.errors import TryAgain
from executor.jobs.claims import Applicant, Blocked, Finished
from executor.jobs.job import Submission
from tests.integration.durable.lab import message, woken

pytestmark = pytest.mark.anyio


async def test_what_is_promised_to_nobody_in_particular_is_marked_too(lab):
    said = message(f"{lab.tag}:failed")
    await lab.ledger.promise([said])
    await lab.ledger.promise([said])
    assert said not in await lab.sweeps.overdue()
    await lab.ask("UPDATE outbox SET created_at = now() - interval '1 day' WHERE id = %(id)s", id=said.id)
    assert [each for each in await lab.sweeps.overdue() if each.id == said.id] == [said]
    await lab.ledger.published([said])
    assert said not in await lab.sweeps.overdue()


async def test_a_rejected_job_has_failed_also_where_it_was_queued_before(lab):
    await lab.begin("a@t")
    await lab.register.queue([Submission(lab.identity("c@t"), message(f"{lab.id('c')}:execute"))])
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
    assert await lab.room.park([Applicant(replayed, lab.origin("a", **{"Dlq-Replay": "7"}))])
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
    assert await lab.sweeps.orphans(first=1) == []
    found = await lab.sweeps.orphans(first=100)
    mine = {thread: claim for thread, claim in found if claim.job_id.startswith(lab.tag)}
    assert {lab.named(thread): (claim.epoch, claim.attempt) for thread, claim in mine.items()} == {
        "dead": (2, 1),
        "given back": (2, 1),
    }
    await lab.finish(mine[lab.id("dead")], "failed")
    assert await lab.states("dead", "leased", "kept") == ["failed", "running", "running"]
