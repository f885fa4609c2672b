"""What jobs run is kept once, with the first commit that needs it, until no job names it."""

import asyncio
from dataclasses import replace

import pytest

from executor.embedded.loopback import wait_until
from executor.errors import TryAgain
from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.job import JobFilter, Submission, Taken
from executor.ledger import Definitions
from executor.ledger.definitions import Keeping
from tests.integration.durable.lab import message
from tests.integration.durable.test_ledger_forgetting import noting

pytestmark = pytest.mark.anyio

DAYS = 86_400.0


def resolved(lab, word, agent=None):
    """A definition that no other test has."""
    return Resolved.of({"nodes": [{"id": f"{lab.tag}-{word}"}]}, agent)


async def kept(lab, what):
    return await Definitions(lab.pool).definition(what.definition)


async def row(lab, name):
    [found] = await lab.ask("SELECT agent, definition FROM jobs WHERE job_id = %(id)s", id=lab.id(name))
    return Resolved(**found)


async def age(lab, what, days):
    query = "UPDATE definitions SET used_at = now() - %(days)s * interval '1 day' WHERE digest = %(digest)s"
    await lab.ask(query, days=days, digest=what.definition)


async def test_a_claim_keeps_what_the_job_runs_and_says_it_at_every_later_one(lab):
    first, second = resolved(lab, "first", "x"), resolved(lab, "second", "x")
    claim = await lab.claim("a", resolved=first)
    assert claim.resolved == Resolved("x", first.definition)
    assert await kept(lab, first) == {"nodes": [{"id": f"{lab.tag}-first"}]}
    await lab.ledger.release(claim, unused=False)
    for later in (second, Resolved("x"), UNRESOLVED):
        again = await lab.another().claim(lab.identity("a"), resolved=later)
        assert again.resolved == first
        await lab.ledger.release(again, unused=False)
    assert (await lab.job("a")).agent == "x"


@pytest.mark.parametrize("first", [Resolved("x"), UNRESOLVED], ids=["a graph", "nothing"])
async def test_a_name_of_a_graph_is_found_for_good_and_one_of_nothing_is_not(lab, first):
    """What was a graph of the image stays one, also where the folder has a definition of that name by then."""
    claim = await lab.claim("a", resolved=first)
    assert claim.resolved == first
    await lab.ledger.release(claim, unused=False)
    later = resolved(lab, "later", "x")
    assert (await lab.claim("a", resolved=later)).resolved == (first if first.agent else later)


async def test_a_job_of_an_earlier_image_gets_its_definition_with_the_next_claim(lab):
    await lab.ledger.release(await lab.begin("a"), unused=False)
    inline = resolved(lab, "inline")
    assert (await lab.claim("a", resolved=inline)).resolved == inline
    assert await kept(lab, inline) is not None


async def test_what_was_accepted_over_http_or_parked_counts_before_any_claim(lab):
    first, second = resolved(lab, "first", "x"), resolved(lab, "second", "x")
    order = Submission(lab.identity("http", placed=False), message("m"), resolved=first)
    assert await lab.register.queue([order]) is None
    assert await lab.register.queue([replace(order, resolved=second)]) is None
    assert (await lab.claim("http", resolved=second)).resolved == first
    await lab.begin("z@t")
    waits = lab.applicant("parked@t")
    assert await lab.room.park([replace(waits, resolved=first)])
    assert await row(lab, "parked") == first
    assert await lab.room.park([replace(waits, resolved=second)])
    assert await row(lab, "parked") == first
    assert [await kept(lab, each) is not None for each in (first, second)] == [True, True]


async def test_what_is_not_written_with_a_refused_batch_is_written_with_the_next(lab):
    """A conflict takes the definitions back with the jobs; nobody believes that they are there."""
    what = resolved(lab, "what")
    await lab.begin("taken")
    good = Submission(lab.identity("good"), message(f"{lab.id('good')}:execute"), resolved=what)
    assert await lab.register.queue([good, Submission(lab.identity("taken", "other"), message("never"))]) == Taken(1)
    assert await kept(lab, what) is None
    assert await lab.register.queue([good]) is None
    assert await kept(lab, what) is not None


async def test_one_whose_thread_was_free_as_it_was_parked_is_claimed_with_what_was_written_then(lab):
    first, second = resolved(lab, "first", "x"), resolved(lab, "second", "x")
    assert not await lab.room.park([replace(lab.applicant("a"), resolved=first)])
    assert await kept(lab, first) is not None
    assert (await lab.claim("a", resolved=second)).resolved == first


async def test_many_claims_of_one_definition_at_once_keep_it_once_and_wait_for_nobody(lab):
    what = [resolved(lab, word, word) for word in ("one", "two")]
    ledgers = [lab.another() for _ in range(4)]
    claims = await asyncio.gather(
        *(ledgers[n % 4].claim(lab.identity(f"j{n}"), resolved=what[n % 2]) for n in range(40))
    )
    assert [claim.resolved for claim in claims] == [what[n % 2] for n in range(40)]
    digests = [each.definition for each in what]
    assert await lab.ask("SELECT count(*) FROM definitions WHERE digest = ANY(%(d)s)", d=digests) == [{"count": 2}]


async def test_a_definition_is_forgotten_a_day_after_the_last_job_that_names_it(lab):
    used, unused, fresh = (resolved(lab, word) for word in ("used", "unused", "fresh"))
    for name, what in (("a", used), ("b", unused), ("c", fresh)):
        await lab.finish(await lab.claim(name, resolved=what))
    await lab.ask("DELETE FROM jobs WHERE job_id = ANY(%(ids)s)", ids=[lab.id("b"), lab.id("c")])
    for what in (used, unused):
        await age(lab, what, 9)
    await age(lab, fresh, 7.5)
    await lab.register.expire(7 * DAYS, noting()[1])
    assert [await kept(lab, what) is not None for what in (used, unused, fresh)] == [True, False, True]
    await lab.ask("DELETE FROM jobs WHERE job_id = %(id)s", id=lab.id("a"))
    await lab.register.expire(7 * DAYS, noting()[1])
    assert await kept(lab, used) is not None, "it was looked at just now"
    await age(lab, used, 9)
    await lab.register.expire(7 * DAYS, noting()[1])
    assert await kept(lab, used) is None


async def test_a_claim_that_names_an_old_definition_while_it_is_forgotten_has_it(lab):
    """Whoever comes second waits for the other's commit, and writes it anew."""
    what = resolved(lab, "what")
    await lab.finish(await lab.claim("a", resolved=what))
    await lab.ask("DELETE FROM jobs WHERE job_id = %(id)s", id=lab.id("a"))
    await age(lab, what, 9)
    async with lab.pool.connection() as connection, connection.transaction():
        gone = await connection.execute("DELETE FROM definitions WHERE digest = %s", [what.definition])
        assert gone.rowcount == 1
        late = asyncio.create_task(lab.another().claim(lab.identity("b"), resolved=what))
        await wait_until("the claim waits", lambda: waits_for_a_lock(lab))
    claim = await late
    assert claim.resolved == what
    assert await kept(lab, what) is not None


async def waits_for_a_lock(lab):
    return bool(await lab.ask("SELECT pid FROM pg_locks WHERE NOT granted"))


async def test_a_claim_of_an_old_definition_keeps_it_from_being_forgotten(lab):
    what = resolved(lab, "what")
    await lab.finish(await lab.claim("a", resolved=what))
    await lab.ask("DELETE FROM jobs WHERE job_id = %(id)s", id=lab.id("a"))
    await age(lab, what, 9)
    assert (await lab.another().claim(lab.identity("b"), resolved=what)).resolved == what
    await lab.register.expire(7 * DAYS, noting()[1])
    assert await kept(lab, what) is not None


async def test_a_process_sends_a_definition_once_and_again_after_a_while_or_where_it_was_not_written(lab, monkeypatch):
    what, keeping = resolved(lab, "what"), Keeping()
    assert keeping.columns([what, what, UNRESOLVED, Resolved("x"), Resolved("x", "digest alone")]) == {
        "kept_digests": [what.definition],
        "kept_texts": [what.text],
    }
    assert keeping.columns([what])["kept_digests"] == [what.definition], "nobody said that it was written"
    keeping.written(keeping.columns([what]))
    assert keeping.columns([what])["kept_digests"] == []
    monkeypatch.setattr("executor.ledger.definitions.KNOWN_SECONDS", -1.0)
    keeping.written({"kept_digests": [str(what.definition)], "kept_texts": []})
    assert keeping.columns([what])["kept_digests"] == [what.definition]
    keeping.written({"kept_digests": [str(n) for n in range(2000)], "kept_texts": []})
    assert len(keeping._known) == 1024


async def test_jobs_are_listed_by_their_agents(lab):
    mine, other = f"{lab.tag}-mine", f"{lab.tag}-other"
    for n, name in enumerate((mine, other, mine)):
        await lab.finish(await lab.claim(f"j{n}", resolved=Resolved(name)))
    await lab.claim("j3", resolved=Resolved(mine))

    async def listed(**only):
        return [lab.named(job.job_id) for job in await lab.register.jobs(10, JobFilter(**only))]

    assert await listed(agent=mine) == ["j3", "j2", "j0"]
    assert await listed(agent=mine, status="completed") == ["j2", "j0"]
    assert await listed(agent=mine, thread_id=lab.id("j0")) == ["j0"]
    assert [await listed(agent=name) for name in ("nobody", "\0")] == [[], []]


async def test_a_database_that_is_not_migrated_is_said_to_be(lab):
    async with lab.pool.connection() as connection:
        await connection.execute("ALTER TABLE definitions RENAME TO elsewhere")
    try:
        with pytest.raises(TryAgain, match="the tables are missing"):
            await lab.ledger.check()
    finally:
        await lab.ask("ALTER TABLE elsewhere RENAME TO definitions")
