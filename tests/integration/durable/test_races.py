"""Two statements at once, in both orders: transactions that are held open, and many workers at random."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from executor.embedded.loopback import wait_until
from executor.errors import LeaseLost
from executor.jobs.answers import Question
from executor.jobs.claims import Blocked, Busy, Claim, Finished
from executor.ledger import Ledger, Register, WaitingRoom
from tests.integration.durable.lab import woken

if TYPE_CHECKING:
    from executor.postgres.pool import Pool

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def held(lab, change):
    """What `change` does with a lab of its own stays uncommitted meanwhile."""
    async with lab.pool.connection() as connection, connection.transaction():
        pool = cast("Pool", OneConnection(connection))
        await change(replace(lab, ledger=Ledger(pool, 30.0), room=WaitingRoom(pool)))
        yield


class OneConnection:
    """A pool of a single connection, in the middle of a transaction."""

    def __init__(self, connection):
        self._connection = connection

    @asynccontextmanager
    async def connection(self):
        yield self._connection


async def waits(lab, task):
    """Return once somebody waits for a lock that another holds."""
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def one_does():
        return bool((await lab.ask(query))[0]["n"])

    await wait_until("it waits for the other", one_does, limit=5)
    assert not task.done()


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_who_parks_while_the_one_before_it_ends_is_not_parked(lab, status):
    before = await lab.begin("a@t")
    async with held(lab, lambda other: other.ledger.finish(before, lab.outcome(lab.id("a"), status))):
        parking = asyncio.create_task(lab.park("b@t"))
        await waits(lab, parking)
    assert await parking is False
    assert (await lab.begin("b@t")).attempt == 1


async def test_who_ends_while_the_next_one_parks_wakes_it(lab):
    before = await lab.begin("a@t")
    lab.identity("b@t")
    async with held(lab, lambda other: other.room.park([lab.applicant("b@t")])):
        ending = asyncio.create_task(lab.finish(before))
        await waits(lab, ending)
    await ending
    assert woken(await lab.settle("t"), lab) == [("b", 1)]


async def test_who_is_cancelled_while_the_next_one_parks_wakes_it(lab):
    await lab.ledger.release(await lab.begin("a@t"), unused=False)
    async with held(lab, lambda other: other.room.park([lab.applicant("b@t")])):
        ending = asyncio.create_task(lab.cancel("a"))
        await waits(lab, ending)
    assert await ending == lab.id("t")
    assert woken(await lab.settle("t"), lab) == [("b", 1)]


async def test_a_claim_of_a_thread_on_which_another_just_begins_waits_and_is_blocked(lab):
    async with held(lab, lambda other: other.ledger.claim(lab.identity("a@t"))):
        claiming = asyncio.create_task(lab.claim("b@t"))
        await waits(lab, claiming)
    assert await claiming == Blocked()


async def test_a_claim_while_another_worker_just_claims_the_same_job_is_refused(lab):
    await lab.begin("a")
    await lab.expire_lease("a")
    async with held(lab, lambda other: other.ledger.claim(lab.identity("a"))):
        claiming = asyncio.create_task(lab.claim("a"))
        await waits(lab, claiming)
    assert type(await claiming).__name__ == "Busy"


async def test_an_answer_that_comes_while_a_worker_claims_the_job_for_the_one_before_it_is_taken(lab):
    def asking(claim, *names):
        interrupts = [{"id": name, "value": name} for name in names]
        questions = tuple(Question(each["id"], claim.turn_of(each["id"]), each) for each in interrupts)
        return replace(lab.outcome(claim.job_id, "interrupted"), result={"interrupts": interrupts}, questions=questions)

    claim = await lab.begin("a")
    await lab.ledger.finish(claim, asking(claim, "p", "q"), lab.origin("a"))
    await lab.register.resume(lab.id("a"), {"p": "1"})
    async with lab.pool.connection() as connection, connection.transaction():
        await Register(cast("Pool", OneConnection(connection))).resume(lab.id("a"), {"q": "2"})
        claiming = asyncio.create_task(lab.begin("a"))
        await waits(lab, claiming)
    claim = await claiming
    assert claim.answers == {"p": "1"}
    await lab.ledger.finish(claim, asking(claim, "q"), lab.origin("a"))
    assert await lab.state("a") == "queued"
    claim = await lab.begin("a")
    assert claim.answers == {"p": "1", "q": "2"}
    await lab.ledger.finish(claim, asking(claim, "q"), lab.origin("a"))
    assert await lab.state("a") == "interrupted"


async def test_a_worker_that_ends_its_job_while_another_just_took_it_writes_nothing(lab):
    stale = await lab.begin("a")
    await lab.expire_lease("a")
    async with held(lab, lambda other: other.ledger.claim(lab.identity("a"))):
        ending = asyncio.create_task(lab.finish(stale))
        await waits(lab, ending)
    with pytest.raises(LeaseLost):
        await ending
    assert (await lab.state("a"), await lab.promised("a")) == ("running", [])


async def test_a_worker_that_is_just_ending_its_job_is_not_overtaken(lab):
    slow = await lab.begin("a")
    await lab.expire_lease("a")
    async with held(lab, lambda other: other.ledger.finish(slow, lab.outcome(lab.id("a"), "completed"))):
        claiming = asyncio.create_task(lab.claim("a"))
        await waits(lab, claiming)
    assert type(await claiming).__name__ == "Finished"


async def test_a_cancellation_that_meets_an_interrupt_ends_the_job(lab):
    claim = await lab.begin("a")
    async with held(
        lab, lambda other: other.ledger.finish(claim, lab.outcome(lab.id("a"), "interrupted"), lab.origin("a"))
    ):
        cancelling = asyncio.create_task(lab.cancel("a"))
        await waits(lab, cancelling)
    assert await cancelling == lab.id("a")
    assert await lab.state("a") == "cancelled"


async def test_a_cancellation_that_meets_a_claim_reaches_the_worker(lab):
    await lab.ledger.release(await lab.begin("a"), unused=True)
    async with held(lab, lambda other: other.ledger.claim(lab.identity("a"))):
        cancelling = asyncio.create_task(lab.cancel("a"))
        await waits(lab, cancelling)
    assert await cancelling is None
    assert (await lab.state("a"), (await lab.job("a")).finished_at) == ("running", None)
    assert await lab.ask("SELECT cancelling FROM jobs WHERE job_id = %(id)s", id=lab.id("a")) == [{"cancelling": True}]


async def test_two_who_wake_at_once_wake_one(lab):
    before = await lab.begin("a@t")
    for name in ("b@t", "c@t"):
        assert await lab.park(name)
    await lab.finish(before)
    async with held(lab, lambda other: other.ledger.mark_and_wake(lab.id("t"), [])):
        settling = asyncio.create_task(lab.settle("t"))
        await waits(lab, settling)
    assert await settling == []
    assert await lab.states("b", "c") == ["queued", "parked"]


async def test_who_parks_again_under_the_eyes_of_who_wakes_it_is_not_lost(lab):
    before = await lab.begin("a@t")
    assert await lab.park("b@t")
    await lab.finish(before)
    async with held(lab, lambda other: other.room.park([lab.applicant("b@t")])):
        settling = asyncio.create_task(lab.settle("t"))
        await waits(lab, settling)
    assert woken(await settling, lab) == [("b", 1)]


async def test_a_thread_is_not_forgotten_under_a_job_that_begins_on_it(lab):
    await lab.finish(await lab.begin("old@t"))
    await lab.ask("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE job_id = %(id)s", id=lab.id("old"))
    claiming: list[asyncio.Task[object]] = []

    async def forget(_):
        claiming.append(asyncio.create_task(lab.claim("new@t")))
        await waits(lab, claiming[0])

    assert await lab.register.expire(86_400, forget) == 1
    assert isinstance(await claiming[0], Claim)
    assert [job.job_id for job in await lab.register.jobs(500) if job.job_id.startswith(lab.tag)] == [lab.id("new")]


async def test_a_thread_on_which_a_job_has_just_begun_is_not_forgotten(lab):
    await lab.finish(await lab.begin("old@t"))
    await lab.ask("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE job_id = %(id)s", id=lab.id("old"))
    forgotten: list[str] = []

    async def forget(thread):
        forgotten.append(thread)

    async with held(lab, lambda other: other.ledger.claim(lab.identity("new@t"))):
        expiring = asyncio.create_task(lab.register.expire(86_400, forget))
        await waits(lab, expiring)
    assert (await expiring, forgotten) == (1, [])


async def test_of_two_who_forget_one_does(lab):
    for name in ("a@t", "b@t"):
        await lab.finish(await lab.begin(name))
    await lab.ask("UPDATE jobs SET finished_at = now() - interval '2 days' WHERE thread_id = %(id)s", id=lab.id("t"))
    forgotten: list[str] = []

    async def forget(thread):
        forgotten.append(thread)
        assert await lab.register.expire(86_400, forget) == 0

    assert (await lab.register.expire(86_400, forget), forgotten) == (2, [lab.id("t")])


@pytest.mark.parametrize("seed", range(3))
async def test_many_workers_at_random_bring_every_job_to_its_end_in_order_without_a_sweep(lab, seed):
    """Messages come once, in order, to whoever is free; nobody polls: a wake that was lost would be missed for ever."""
    random = Random(seed)  # noqa: S311 - it is to be the same each time
    names = [f"j{n}@t{n % 4}" for n in range(32)]
    for name in names:
        lab.identity(name)
    stress = Stress(lab, random, asyncio.Queue(), names)
    for name in names:
        stress.messages.put_nowait(name)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        workers = [group.create_task(stress.work()) for _ in range(7)]
        await stress.done.wait()
        for worker in workers:
            worker.cancel()
    assert await lab.states(*names) == ["completed"] * len(names)
    assert await lab.swept() == []
    for thread in range(4):
        assert [name for name in stress.begun if name.endswith(f"t{thread}")] == names[thread::4]


class Stress:
    """Workers as the reception and the outbox are, on one queue."""

    def __init__(self, lab, random, messages, names):
        self.lab, self.random, self.messages, self.names = lab, random, messages, names
        self.begun = []
        self.ended = 0
        self.done = asyncio.Event()
        self.turn = {}

    async def work(self):
        while True:
            name = await self.messages.get()
            await self.admit(name)

    async def admit(self, name):
        # In order into the ledger, as ThreadOrder does it; what comes after is up to the ledger.
        lock = self.turn.setdefault(name.partition("@")[2], asyncio.Lock())
        async with lock:
            while not isinstance(claim := await self.lab.claim(name), Claim):
                await self.pause()
                if isinstance(claim, Finished) or (isinstance(claim, Busy) and claim.after):
                    return  # it was woken after all, as it was written down
                if claim == Blocked() and await self.lab.park(name):
                    return
                assert claim in (Blocked(), Busy(0.0)), claim  # busy: the thread became free at this moment
        self.begun.append(name)
        await self.pause()
        await self.lab.finish(claim)
        await self.pause()
        for wake in await self.lab.settle(name.partition("@")[2]):
            self.messages.put_nowait(next(n for n in self.names if self.lab.id(n) == wake.job_id))
        self.ended += 1
        if self.ended == len(self.names):
            self.done.set()

    async def pause(self):
        await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.003, 0.01]))
