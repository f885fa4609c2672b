"""What the setting of writes changes: the results of tasks in a thread's history, and how much is written."""

import uuid
from typing import Any

import pytest

from executor.errors import Misconfigured
from executor.settings import CheckpointSettings
from tests.integration.checkpoints.graphs import GO, diamond
from tests.integration.checkpoints.lab import Lab, at, lab_on
from tests.integration.checkpoints.thread import Thread

pytestmark = pytest.mark.anyio


async def history(lab: Lab, saver: Any, name: str) -> list[Any]:
    """Of each checkpoint: what comes next, and what those tasks returned."""
    thread = Thread(name, saver, lambda: lab.saver(name), lab.stock)
    graph = diamond(thread)
    await thread.run(graph, GO)
    states = graph.copy(update={"checkpointer": lab.stock}).aget_state_history(at(name))
    return [(found.next, [task.result for task in found.tasks]) async for found in states]


async def test_kept_writes_leave_the_history_that_the_stock_saver_leaves(keeping: Lab):
    mine, theirs = uuid.uuid4().hex, uuid.uuid4().hex
    assert await history(keeping, await keeping.saver(mine), mine) == await history(keeping, keeping.stock, theirs)
    assert await keeping.rows(mine) == await keeping.rows(theirs)


async def test_dropped_writes_leave_the_same_history_without_the_results_of_sequential_steps(lab: Lab):
    name = uuid.uuid4().hex
    said = {step: {"seen": [step], "count": 1} for step in "pq"}
    assert await history(lab, await lab.saver(name), name) == [
        ((), []),
        (("d",), [None]),
        (("p", "q"), [said["p"], said["q"]]),  # p's had to be committed while q ran
        (("a",), [None]),
        (("__start__",), [None]),
    ]


async def test_the_stock_saver_can_be_chosen(postgres):
    async with lab_on(postgres, saver="stock") as lab:
        name = uuid.uuid4().hex
        saver = await lab.saver(name)
        assert type(saver) is type(lab.stock)
        assert len(await history(lab, saver, name)) == 5
        assert lab.value("batch_units_count") == 0


def test_a_word_that_is_no_choice_is_refused():
    with pytest.raises(Misconfigured, match="EXECUTOR_CHECKPOINT_WRITES is wrong: input should be 'keep' or 'drop'"):
        CheckpointSettings.read({"EXECUTOR_CHECKPOINT_WRITES": "sometimes"})
