"""What the ledger forgets, and when."""

import pytest

from executor.errors import TryAgain
from tests.integration.durable.lab import message

pytestmark = pytest.mark.anyio


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
