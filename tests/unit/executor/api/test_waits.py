"""Who waits for a job is told of its end, and leaves nothing behind."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from executor.api import waits
from tests.fakes import fails, interrupts
from tests.unit.executor.conftest import World, count, event, until_true

pytestmark = pytest.mark.anyio

NEVER = 1e9
PATIENCE = 10.0


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Nobody looks by themselves."""
    monkeypatch.setattr(waits, "LOOK_SECONDS", NEVER)


@pytest.fixture
def unserved():
    """A world in which nobody serves who waits."""
    return World()


@pytest.fixture
async def world(unserved):
    """One in which somebody does."""
    async with served(unserved):
        yield unserved


@asynccontextmanager
async def served(world):
    running = asyncio.create_task(world.waits.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def waiting(world, *job_ids):
    """Somebody waits for each of the jobs, and has looked."""
    tasks = [asyncio.create_task(world.waits.end_of(job_id, PATIENCE)) for job_id in job_ids]
    await until_true(lambda: world.broker.told)
    for awaited in world.waits._awaited.values():
        await until_true(lambda awaited=awaited: not awaited.news.is_set())
    return tasks


async def test_who_waits_is_told_at_once_where_the_job_ends_in_this_process(world):
    [task] = await waiting(world, "j")
    await world.process(world.delivery())
    job = await task
    assert (job.job_id, job.status) == ("j", "completed")


@pytest.mark.parametrize(("act", "status"), [(interrupts({"id": "q"}), "interrupted"), (fails(TypeError()), "failed")])
async def test_questions_and_failures_are_ends_to_who_waits(world, act, status):
    world.agents.acts["j"] = [act]
    [task] = await waiting(world, "j")
    for _ in range(4):
        await world.process(world.delivery())
    assert (await task).status == status


async def test_a_job_that_is_refused_before_it_begins_has_ended_as_well(world):
    await world.claimed("first", 1)
    [task] = await waiting(world, "second")
    refused = world.delivery("second", 2, thread_id="first")
    refused.body = event("second", attributes={"multitask": "reject"}, thread_id="first")
    await world.process(refused)
    assert (await task).status == "failed"


async def test_an_end_elsewhere_is_told_by_its_event(world):
    [task] = await waiting(world, "j")
    await elsewhere(world, "j")
    assert not task.done()
    world.broker.told[0]("another")
    world.broker.told[0]("j")
    assert (await task).status == "completed"


async def elsewhere(world, job_id):
    """Another worker ends the job, and nobody hears of it."""
    tell, world.outbox._tell = world.outbox._tell, lambda _: None
    await world.process(world.delivery(job_id))
    world.outbox._tell = tell


async def test_an_end_that_came_before_anybody_listened_is_not_missed(world):
    world.broker.listening.clear()
    tasks = [asyncio.create_task(world.waits.end_of("j", PATIENCE)) for _ in range(2)]
    await asyncio.sleep(0)
    await elsewhere(world, "j")
    world.broker.listening.set()
    assert [job.status for job in await asyncio.gather(*tasks)] == ["completed"] * 2


async def test_an_end_that_comes_while_it_is_looked_for_is_not_missed(world, monkeypatch):
    look, looked, ended = world.ledger.end_of, asyncio.Event(), asyncio.Event()

    async def slow(job_id):
        found = await look(job_id)
        looked.set()
        await ended.wait()
        return found

    monkeypatch.setattr(world.ledger, "end_of", slow)
    task = asyncio.create_task(world.waits.end_of("j", PATIENCE))
    await looked.wait()
    await world.process(world.delivery())
    ended.set()
    assert (await task).status == "completed"


@pytest.mark.parametrize("down", [False, True])
async def test_what_nobody_tells_of_is_looked_for_now_and_then(unserved, monkeypatch, down):
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.01)
    unserved.broker.down = down
    async with served(unserved):
        task = asyncio.create_task(unserved.waits.end_of("j", PATIENCE))
        await asyncio.sleep(0)
        await elsewhere(unserved, "j")
        assert (await task).status == "completed"


async def test_a_ledger_that_is_away_is_asked_again(world):
    [task] = await waiting(world, "j")
    world.ledger.down = {"end_of"}
    await world.process(world.delivery())
    await until_true(lambda: not world.waits._awaited["j"].news.is_set())
    assert not task.done()
    world.ledger.down = set()
    world.waits.tell("j")
    assert (await task).status == "completed"


async def test_however_many_wait_for_a_job_one_looks_for_all(world, monkeypatch):
    looks = []
    look = world.ledger.end_of

    async def counted(job_id):
        looks.append((job_id,))
        return await look(job_id)

    monkeypatch.setattr(world.ledger, "end_of", counted)
    tasks = await waiting(world, *["j"] * 50)
    before = count(looks, "j")
    await world.process(world.delivery())
    assert {(await task).status for task in tasks} == {"completed"}
    assert (before <= 2, count(looks, "j") - before) == (True, 1)


async def test_who_comes_after_a_question_was_answered_waits_for_what_follows(world):
    world.agents.acts["j"] = [interrupts({"id": "q"})]
    early = asyncio.create_task(world.waits.end_of("j", PATIENCE))
    await world.process(world.delivery())
    assert (await early).status == "interrupted"
    world.ledger.rows["j"].status = "queued"
    [late] = await waiting(world, "j")
    assert not late.done()
    late.cancel()


async def test_who_goes_leaves_nothing_behind(world):
    staying, going = await waiting(world, "j", "j")
    going.cancel()
    await asyncio.wait([going])
    assert world.waits._awaited["j"].waiting == 1
    await world.process(world.delivery())
    await staying
    assert world.waits._awaited == {}
    assert await world.waits.end_of("k", 0.01) is None
    assert world.waits._awaited == {}


async def test_nobody_listens_where_nobody_has_waited_for_a_while(world, monkeypatch):
    monkeypatch.setattr(waits, "QUIET_SECONDS", 0.01)
    assert world.broker.told == []
    for _ in range(2):
        [task] = await waiting(world, "j")
        task.cancel()
        await until_true(lambda: not world.broker.told)


async def test_a_stop_answers_all_who_wait_and_who_come_then(unserved):
    async with served(unserved):
        tasks = await waiting(unserved, "j", "j", "k")
    assert await asyncio.gather(*tasks, unserved.waits.end_of("l", PATIENCE)) == [None] * 4
    assert unserved.waits._awaited == {}


async def test_what_is_a_bug_is_told_to_who_waits(world, monkeypatch):
    async def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(world.ledger, "end_of", broken)
    with pytest.raises(ZeroDivisionError):
        await world.waits.end_of("j", PATIENCE)


async def test_a_broker_that_is_away_is_asked_again_while_somebody_waits(unserved, monkeypatch):
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.01)
    unserved.broker.down = True
    async with served(unserved):
        task = asyncio.create_task(unserved.waits.end_of("j", 0.05))
        assert await task is None
        unserved.broker.down = False
        await until_true(lambda: unserved.broker.told)
