"""Once another worker owns a job, nothing of the old one is written: whenever it is taken, to the last row."""

import asyncio
import uuid
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest

from executor.embedded.loopback import wait_until
from executor.errors import LeaseLost
from executor.ledger import Ledger
from executor.postgres.pool import open_pool
from tests.integration.checkpoints.graphs import GO, diamond
from tests.integration.checkpoints.lab import Lab, at
from tests.integration.checkpoints.thread import Thread

pytestmark = pytest.mark.anyio


async def run(lab: Lab, saver: Any, name: str) -> Any:
    thread = Thread(name, saver, lambda: lab.saver(name), lab.stock)
    return await diamond(thread).copy(update={"checkpointer": saver}).ainvoke(GO, at(name), durability="sync")


def before_nth_unit(saver, nth: int, act) -> None:
    """Let `act` happen just before the saver's nth unit goes to the committer."""
    commit, units = saver._buffer._commit, []

    def acting(unit):
        units.append(unit)
        if len(units) != nth:
            return commit(unit)
        return asyncio.ensure_future(act_first(unit))

    async def act_first(unit):
        await act()
        await commit(unit)

    saver._buffer._commit = acting


@pytest.mark.parametrize("nth", range(1, 6))
async def test_nothing_is_written_after_a_theft(lab: Lab, nth: int):
    stolen, other = uuid.uuid4().hex, uuid.uuid4().hex
    saver, bystander = await lab.saver(stolen), await lab.saver(other)
    left: list[int] = []

    async def steal() -> None:
        await lab.claim(stolen)
        left.extend(await lab.rows(stolen))

    before_nth_unit(saver, nth, steal)
    running = run(lab, saver, stolen), run(lab, bystander, other)
    results: list[Any] = list(await asyncio.gather(*running, return_exceptions=True))
    lost, finished = results
    assert isinstance(lost, LeaseLost) == bool(left)
    assert left in ([], await lab.rows(stolen))
    assert finished["seen"] == ["in", "a", "p", "q", "d"]


async def test_the_diamond_makes_five_units(lab: Lab):
    saver, units = await lab.saver(name := uuid.uuid4().hex), list[Any]()
    commit = saver._buffer._commit

    def counting(unit: Any) -> Any:
        units.append(unit)
        return commit(unit)

    saver._buffer._commit = counting
    await run(lab, saver, name)
    assert len(units) == 5, "test_nothing_is_written_after_a_theft must try as many points"


async def test_a_theft_under_way_is_waited_for_and_then_obeyed(lab: Lab):
    saver = await lab.saver(name := uuid.uuid4().hex)
    writing: list[asyncio.Task[None]] = []

    async def steal() -> None:
        await thief.execute("UPDATE jobs SET epoch = epoch + 1 WHERE job_id = %s", [name])
        writing.append(asyncio.create_task(commit_when_blocked(lab, thief)))

    async with connected(lab) as thief:
        before_nth_unit(saver, 3, steal)
        with pytest.raises(LeaseLost):
            await run(lab, saver, name)
        await asyncio.gather(*writing)
    assert [found.metadata["step"] async for found in lab.stock.alist(at(name))] == [1, 0, -1]


@asynccontextmanager
async def connected(lab: Lab):
    async with await psycopg.AsyncConnection.connect(**lab.postgres.conninfo()) as connection:
        yield connection


async def commit_when_blocked(lab: Lab, thief) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '%%checkpoints' AND wait_event_type = 'Lock'"

    async def is_blocked() -> bool:
        return bool(await lab.ask(waiting))

    await wait_until("the commit waits for the thief", is_blocked)
    await thief.commit()


async def test_a_stale_saver_stays_stale_and_is_counted(lab: Lab):
    saver = await lab.saver(name := uuid.uuid4().hex)
    await lab.claim(name)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            await run(lab, saver, name)
    assert await lab.rows(name) == [0, 0, 0]
    assert lab.value("stale_epochs_total") == 1


@pytest.mark.parametrize("status", ["cancelled", "queued", "completed"])
async def test_a_job_that_was_given_up_takes_no_checkpoint(lab: Lab, status: str):
    saver = await lab.saver(name := uuid.uuid4().hex)
    await lab.ask("UPDATE jobs SET status = %(status)s WHERE job_id = %(name)s", name=name, status=status)
    with pytest.raises(LeaseLost):
        await run(lab, saver, name)


async def test_neither_leases_nor_outcomes_wait_for_a_commit_but_a_claim_does(lab: Lab):
    """What migration 0002 is for: without its index a commit of checkpoints does not hold back a claim."""
    claim = await lab.claim(name := uuid.uuid4().hex)
    async with connected(lab) as committing, open_pool(lab.postgres) as pool:
        await committing.execute("SELECT FROM jobs WHERE job_id = %s FOR KEY SHARE", [name])
        async with asyncio.timeout(5):
            assert set(await Ledger(pool, 15.0).renew([claim])) == {name}
            assert await lab.ask("UPDATE jobs SET status = 'completed' WHERE job_id = %(name)s RETURNING 1", name=name)
        await lab.ask("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await lab.claim(name)


async def test_a_deleted_thread_of_a_finished_job_stays_deleted(lab: Lab):
    saver = await lab.saver(name := uuid.uuid4().hex)
    await run(lab, saver, name)
    await lab.savers.forget(name)
    assert await lab.rows(name) == [0, 0, 0]
    assert await saver.aget_tuple(at(name)) is None
    with suppress(LeaseLost):
        await saver.adelete_thread(name)
