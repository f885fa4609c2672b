"""What goes wrong around a commit: who is told, who is not, and that nothing is lost."""

import asyncio
import itertools
import operator
import re
import time
import uuid
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import psycopg
import pytest
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from executor.checkpoints import commit_lane
from executor.checkpoints.statement import STATEMENT
from executor.embedded.loopback import wait_until
from executor.embedded.postgres import Postgres
from executor.errors import TryAgain
from tests.integration.checkpoints.graphs import chain
from tests.integration.checkpoints.lab import Lab, at, lab_on

pytestmark = pytest.mark.anyio

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%%checkpoints'"
STEPS = 3


class Notes(TypedDict):
    notes: Annotated[list[Any], operator.add]


def three(say: Callable[[], Any] = lambda: "ok", wait: float = 0.0) -> Any:
    async def node(_: Notes) -> Any:
        await asyncio.sleep(wait)
        return {"notes": [say()]}

    return chain(dict.fromkeys("abc", node), Notes)


async def run(lab: Lab, graph: Any, name: str | None = None) -> Any:
    name = name or uuid.uuid4().hex
    bound = graph.copy(update={"checkpointer": await lab.saver(name)})
    result = await bound.ainvoke({"notes": []}, at(name), durability="sync")
    found = await lab.stock.aget_tuple(at(name))
    assert found is not None
    assert found.checkpoint["channel_values"]["notes"] == result["notes"]
    return result["notes"]


async def test_a_batch_whose_connection_breaks_is_sent_again(lab: Lab):
    graph = three(wait=0.01)
    running = asyncio.gather(*(run(lab, graph) for _ in range(40)))
    for _ in range(5):
        await lab.ask(KILL)
        await asyncio.sleep(0.02)
    assert await running == [["ok"] * STEPS] * 40


async def test_postgres_restarts_under_load(own_lab: Lab, own_postgres: Postgres):
    started: list[str] = []

    def begin() -> str:
        started.append("")
        return "ok"

    async def all_began() -> bool:
        return len(started) == 20

    graph, names = three(begin, wait=0.05), [uuid.uuid4().hex for _ in range(20)]
    savers = [await own_lab.saver(name) for name in names]
    bound = [graph.copy(update={"checkpointer": saver}) for saver in savers]
    running = asyncio.gather(
        *(each.ainvoke({"notes": []}, at(name), durability="sync") for each, name in zip(bound, names, strict=True))
    )
    await wait_until("every job has begun", all_began, every=0.001)
    await own_postgres.kill()
    await own_postgres.start()
    assert await running == [{"notes": ["ok"] * STEPS}] * 20
    assert len(started) == 20 * STEPS, "no node ran again"
    async with lab_on(own_lab.postgres) as after:
        for name in names:
            found = await after.stock.aget_tuple(at(name))
            assert found is not None
            assert found.checkpoint["channel_values"]["notes"] == ["ok"] * STEPS


async def test_a_slow_disk_makes_batches_larger_and_loses_nothing(own_lab: Lab):
    """Each commit waits a tenth of a second for the disk, and the jobs wait together."""
    names = [uuid.uuid4().hex for _ in range(40)]
    graphs = [three().copy(update={"checkpointer": await own_lab.saver(name)}) for name in names]
    for setting in ("commit_delay = 100000", "commit_siblings = 0"):
        await own_lab.ask(f"ALTER SYSTEM SET {setting}")
    await own_lab.ask("SELECT pg_reload_conf()")
    jobs = zip(graphs, names, strict=True)
    results = await asyncio.gather(*(g.ainvoke({"notes": []}, at(name), durability="sync") for g, name in jobs))
    assert results == [{"notes": ["ok"] * STEPS}] * len(names)
    assert own_lab.value("batch_units_sum") / own_lab.value("batch_units_count") >= len(names) / 2
    assert [await own_lab.rows(name) for name in names] == [[STEPS + 2, STEPS + 2, 0]] * len(names)


async def test_a_database_that_stays_away_is_not_waited_for_for_ever(
    own_lab: Lab, own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commit_lane, "PATIENCE_SECONDS", 0.3)
    saver = await own_lab.saver(name := uuid.uuid4().hex)
    assert await saver.aget_tuple(at(name)) is None
    await own_postgres.kill()
    graph = three().copy(update={"checkpointer": saver})
    with pytest.raises(TryAgain, match="Postgres: no connection"):
        await graph.ainvoke({"notes": []}, at(name), durability="sync")
    await own_postgres.start()


async def test_a_read_that_fails_is_to_be_tried_again(own_lab: Lab):
    name = (await own_lab.claim()).job_id
    saver = await own_lab.saver(name)
    await own_lab.ask("ALTER TABLE checkpoints RENAME TO elsewhere")
    for where in ({}, {"checkpoint_id": "x"}):
        with pytest.raises(TryAgain, match="Postgres: UndefinedTable"):
            await saver.aget_tuple(at(name, **where))
    await own_lab.ask("ALTER TABLE elsewhere RENAME TO checkpoints")
    assert await saver.aget_tuple(at(name)) is None


async def test_a_unit_that_postgres_refuses_fails_alone(lab: Lab):
    class Odd(TypedDict):
        x: Any

    async def node(_: Odd) -> Any:
        return {"x": 1 << 200_000}  # more digits than jsonb takes, and than Python prints

    spoilt = chain({"a": node}, Odd)
    spoiling = [run(lab, spoilt) for _ in range(3)]
    results = await asyncio.gather(*spoiling, *(run(lab, three()) for _ in range(20)), return_exceptions=True)
    assert [type(error) for error in results[:3]] == [ValueError] * 3
    assert results[3:] == [["ok"] * STEPS] * 20


async def test_a_row_that_postgres_refuses_fails_its_job_alone_and_is_not_quoted(lab: Lab):
    Said = TypedDict("Said", {"said": str, "a secret\0": str})

    async def node(_: Any) -> Any:
        return {"a secret\0": "a secret"}

    others = [run(lab, three()) for _ in range(20)]
    spoilt = chain({"a": node}, Said).copy(update={"checkpointer": await lab.saver(job := uuid.uuid4().hex)})
    results = await asyncio.gather(
        spoilt.ainvoke({"said": ""}, at(job), durability="sync"), *others, return_exceptions=True
    )
    assert str(results[0]) == "Postgres: UntranslatableCharacter"
    assert isinstance(results[0], TryAgain)
    assert results[1:] == [["ok"] * STEPS] * 20


@pytest.mark.parametrize("odd", ["a\0b", float("inf"), float("-inf"), "\u2028 ü 😀", b"\0", 1 << 70, -0.0, True, None])
async def test_whatever_a_model_writes_comes_back(lab: Lab, odd: Any):
    class One(TypedDict):
        odd: Any

    async def node(_: One) -> Any:
        return {"odd": odd}

    graph = chain({"a": node}, One).copy(update={"checkpointer": await lab.saver(name := uuid.uuid4().hex)})
    await graph.ainvoke({"odd": 0}, at(name), durability="sync")
    state = await graph.copy(update={"checkpointer": lab.stock}).aget_state(at(name))
    assert (state.values, type(state.values["odd"])) == ({"odd": odd}, type(odd))


async def test_a_locked_job_holds_up_nobody_for_long(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(commit_lane.OPTIONS, "options", "-c lock_timeout=100ms")
    async with lab_on(lab.postgres) as quick:
        locked, saver = uuid.uuid4().hex, await quick.saver(job := uuid.uuid4().hex)
        async with await psycopg.AsyncConnection.connect(**lab.postgres.conninfo()) as thief:
            await thief.execute("SELECT FROM jobs WHERE job_id = %s FOR UPDATE", [job])
            stuck = three().copy(update={"checkpointer": saver})
            results = await asyncio.gather(
                stuck.ainvoke({"notes": []}, at(job), durability="sync"),
                *(run(quick, three()) for _ in range(20)),
                return_exceptions=True,
            )
        assert str(results[0]) == "Postgres: LockNotAvailable"
        assert results[1:] == [["ok"] * STEPS] * 20
        assert await run(quick, three(), locked) == ["ok"] * STEPS


async def test_a_large_state_does_not_hold_up_a_small_one(lab: Lab):
    large = run(lab, three(lambda: uuid.uuid4().bytes * 640_000))  # 10 MB more with each step
    began = time.perf_counter()
    working = asyncio.create_task(large)
    took = []
    while not working.done():
        before = time.perf_counter()
        assert await run(lab, three()) == ["ok"] * STEPS
        took.append(time.perf_counter() - before)
    assert [len(note) for note in await working] == [10_240_000] * STEPS
    whole = time.perf_counter() - began
    assert len(took) > 5, "small jobs go on beside it"
    assert sorted(took)[len(took) // 2] < whole / 5


async def test_what_was_handed_over_is_committed_when_the_savers_close(lab: Lab):
    async with lab_on(lab.postgres) as closing:
        saver = await closing.saver(name := uuid.uuid4().hex)
        checkpoint = {"v": 4, "id": "1", "ts": "", "channel_values": {}, "channel_versions": {}, "versions_seen": {}}
        put = asyncio.create_task(saver.aput(at(name, checkpoint_ns=""), checkpoint, {"source": "loop"}, {}))
        await asyncio.sleep(0)
    await put
    assert await lab.rows(name) == [1, 0, 0]


async def test_a_drained_run_is_committed_when_it_ends(lab: Lab):
    control, saver = RunControl(), await lab.saver(name := uuid.uuid4().hex)

    def drain() -> str:
        control.request_drain()
        return "ok"

    graph = three(drain).copy(update={"checkpointer": saver})
    with pytest.raises(GraphDrained):
        await graph.ainvoke({"notes": []}, at(name), durability="sync", control=control)
    assert (await lab.rows(name))[0] == 3


async def test_a_cancelled_run_is_committed_when_it_ends(lab: Lab):
    saver = await lab.saver(name := uuid.uuid4().hex)
    commit, cancelled = saver._buffer._commit, asyncio.Event()

    def cancelling(unit):
        asyncio.get_running_loop().call_soon(working.cancel)
        cancelled.set()
        return commit(unit)

    saver._buffer._commit = cancelling
    graph = three().copy(update={"checkpointer": saver})
    working = asyncio.create_task(graph.ainvoke({"notes": []}, at(name), durability="sync"))
    with pytest.raises(asyncio.CancelledError):
        await working
    assert cancelled.is_set()
    assert (await lab.rows(name))[0] == 2


async def test_the_plan_that_is_made_on_empty_tables_is_good_for_large_ones(own_lab: Lab):
    numbers = itertools.count(1)
    query = re.sub("%b", lambda _: f"${next(numbers)}", f"EXPLAIN (GENERIC_PLAN) {STATEMENT.decode()}")
    async with await psycopg.AsyncConnection.connect(**commit_lane.OPTIONS | own_lab.postgres.conninfo()) as connection:
        cursor = await connection.execute(query.encode(), prepare=False)
        plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert "Seq Scan" not in plan
    assert plan.count("Index Scan using jobs_") == 1
    assert plan.count("Hash Join") == 3


async def test_the_saver_is_measured(lab: Lab):
    await asyncio.gather(*(run(lab, three()) for _ in range(10)))
    assert lab.value("batch_units_sum") == 40
    assert 4 <= lab.value("batch_units_count") <= 40
    assert lab.value("commit_seconds_count") == lab.value("batch_units_count")
    assert lab.value("waiting_units") == 0
    assert lab.value("stale_epochs_total") == 0
