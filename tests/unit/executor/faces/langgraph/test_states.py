"""Who asks what a thread holds is told, and who watches is not read for twice."""

import asyncio

import pytest

from executor.errors import TryAgain
from executor.faces.langgraph.states import KEPT_CHECKPOINTS, States
from executor.jobs.agents import Resolved
from executor.jobs.states import Slice, Spot, ThreadState
from executor.jobs.threads import Thread
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio

RAN = Resolved("asker")


class Ledger:
    """Knows the threads `t` and `new`."""

    async def get(self, thread_id):
        return Thread(thread_id, {}, None, "idle", EPOCH, EPOCH) if thread_id in {"t", "new"} else None

    async def ran(self, thread_id):
        assert thread_id in {"t", "new"}
        return RAN


class Checkpoints:
    """Holds the checkpoint `c` of the thread `t`, once it is `there`; notes what was read."""

    def __init__(self):
        self.read, self.there, self.error = [], True, None

    async def state(self, spot, ran, *, subgraphs=False):
        assert ran == RAN
        self.read.append((spot, subgraphs))
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        has = self.there and spot.thread_id == "t" and spot.checkpoint_id in {None, "c"}
        return ThreadState(spot, {"said": "Blue."}) if has else None

    async def history(self, spot, ran, part):
        assert ran == RAN
        return [ThreadState(spot, {"part": part})]


@pytest.fixture
def checkpoints():
    return Checkpoints()


@pytest.fixture
def states(checkpoints):
    return States(Ledger(), Ledger(), checkpoints)


async def test_a_thread_has_a_state_an_empty_one_before_its_first_checkpoint_and_an_unknown_thread_none(states):
    assert await states.current("t") == ThreadState(Spot("t"), {"said": "Blue."})
    assert await states.current("new") == ThreadState(Spot("new"))
    assert [await states.current(name) for name in ("another", "a\0b")] == [None, None]


async def test_a_checkpoint_is_read_by_its_id(states, checkpoints):
    assert await states.at("t", "c", subgraphs=True) == ThreadState(Spot("t", "", "c"), {"said": "Blue."})
    assert [await states.at("t", name) for name in ("d", "a\0b")] == [None, None]
    assert checkpoints.read == [(Spot("t", "", "c"), True), (Spot("t", "", "d"), False)]


async def test_a_history_is_that_of_a_namespace(states):
    assert await states.history("t", Slice(3), "tools:1") == [ThreadState(Spot("t", "tools:1"), {"part": Slice(3)})]
    assert await states.history("a\0b") == []


async def test_all_who_watch_have_the_values_of_a_checkpoint_from_one_reading(states, checkpoints):
    told = await asyncio.gather(*(states.values("t", "c") for _ in range(5)))
    assert (told, await states.values("t", "c")) == ([{"said": "Blue."}] * 5, {"said": "Blue."})
    assert checkpoints.read == [(Spot("t", "", "c"), False)]


async def test_one_who_goes_away_leaves_the_reading_to_the_others(states, checkpoints):
    first, second = (asyncio.create_task(states.values("t", "c")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second, len(checkpoints.read)) == ({"said": "Blue."}, 1)


async def test_what_is_not_there_yet_or_could_not_be_read_is_looked_for_again(states, checkpoints):
    checkpoints.there = False
    assert await states.values("t", "c") is None
    checkpoints.error = TryAgain("Postgres is away")
    with pytest.raises(TryAgain):
        await states.values("t", "c")
    checkpoints.there, checkpoints.error = True, None
    assert await states.values("t", "c") == {"said": "Blue."}


async def test_only_the_last_checkpoints_are_kept(states, checkpoints):
    for namespace in ["", *map(str, range(KEPT_CHECKPOINTS)), ""]:
        await states.values("t", "c", namespace)
    assert len(checkpoints.read) == KEPT_CHECKPOINTS + 2
