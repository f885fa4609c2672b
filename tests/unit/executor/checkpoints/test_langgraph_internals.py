"""What the saver relies on inside LangGraph. A test that fails here after an upgrade says what breaks with it."""

import asyncio
import itertools
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import WRITES_IDX_MAP
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres import base
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt

from executor.checkpoints import langgraph_internals
from executor.checkpoints.statement import STATEMENT

pytestmark = pytest.mark.anyio

AT: RunnableConfig = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    seen: Annotated[list[str], operator.add]


class Log(TypedDict):
    seen: Annotated[list[str], DeltaChannel(lambda state, writes: [*(state or []), *itertools.chain(*writes)])]


class Recorder(InMemorySaver):
    """Notes what begins and ends, each write slowly, and holds the puts that it is told to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []
        self.written: list[tuple[langgraph_internals.Place, set[str]]] = []
        self.puts: list[tuple[langgraph_internals.Place, langgraph_internals.Place, Any]] = []
        self.hold: dict[str, asyncio.Event] = {}

    async def aput(self, config, checkpoint, metadata, new_versions):
        parent = langgraph_internals.place(config)
        self.puts.append((parent, (*parent[:2], checkpoint["id"]), checkpoint))
        what = f"put {metadata['source']} {metadata['step']}"
        self.noted.append(what)
        if what in self.hold:
            await self.hold[what].wait()
        stored = await super().aput(config, checkpoint, metadata, new_versions)
        self.noted.append(f"{what} done")
        return stored

    async def aput_writes(self, config, writes, task_id, task_path=""):
        channels = {channel for channel, _ in writes}
        self.written.append((langgraph_internals.place(config), channels))
        what = "write " + " ".join(sorted(channels))
        self.noted.append(what)
        await asyncio.sleep(0.01)
        await super().aput_writes(config, writes, task_id, task_path)
        self.noted.append(f"{what} done")


def node(name: str, saver: Recorder, *, fails: bool = False) -> Any:
    async def run(_: Any) -> Any:
        saver.noted.append(name)
        if fails:
            raise ValueError(name)
        return {"seen": [name]}

    return run


def chain(saver: Recorder, *names: str, schema: Any = State, **nodes: Any) -> Any:
    graph: Any = StateGraph(schema)
    for name in names:
        graph.add_node(name, nodes.get(name) or node(name, saver))
    for start, end in zip((START, *names), names, strict=False):
        graph.add_edge(start, end)
    return graph.compile(checkpointer=saver)


async def go(graph: Any, given: Any = None, **options: Any) -> Any:
    return await graph.ainvoke(given or {"seen": ["in"]}, AT, durability="sync", **options)


def order(saver: Recorder, *notes: str) -> list[str]:
    return sorted(notes, key=saver.noted.index)


async def test_a_step_begins_after_the_checkpoint_of_the_one_before():
    """Else `sync` promises nothing, and a job would repeat what it had done."""
    await go(chain(saver := Recorder(), "a", "b"))
    expected = ["a", "put loop 1", "put loop 1 done", "b", "put loop 2", "put loop 2 done"]
    assert order(saver, *expected) == expected


async def test_the_first_node_begins_after_the_checkpoint_that_follows_the_inputs():
    """Else holding the input's back for it would let a node begin before its input is committed."""
    await go(chain(saver := Recorder(), "a"))
    expected = ["put input -1", "put input -1 done", "put loop 0", "put loop 0 done", "a"]
    assert order(saver, *expected) == expected


async def test_a_function_does_not_wait_for_the_checkpoint_of_its_input():
    """Else holding it back would weaken what `sync` promises of it."""
    saver, begun = Recorder(), asyncio.Event()
    saver.hold["put input -1"] = begun

    @entrypoint(checkpointer=saver)
    async def flow(_: Any) -> int:
        begun.set()
        return 1

    async with asyncio.timeout(5):
        assert await go(flow) == 1


async def test_a_checkpoint_does_not_wait_for_the_writes_that_it_carries():
    """Else no step's writes would ever be superfluous."""
    await go(chain(saver := Recorder(), "a", "b"))
    assert order(saver, "put loop 1", "write branch:to:b seen done") == ["put loop 1", "write branch:to:b seen done"]


async def test_a_checkpoint_waits_for_the_writes_of_a_delta_channel():
    """Else a checkpoint could be committed whose channel cannot be rebuilt."""
    await go(chain(saver := Recorder(), "a", "b", schema=Log))
    expected = ["write branch:to:b seen", "write branch:to:b seen done", "put loop 1"]
    assert order(saver, *expected) == expected


async def test_a_run_ends_after_all_writes():
    """Else a job could end, or be given up, before its last writes are committed."""
    graph = chain(saver := Recorder(), "a", a=lambda _: {"seen": [interrupt("?")]})
    await go(graph)
    assert saver.noted[-1] == "write __interrupt__ done"


async def test_an_error_handler_begins_after_the_writes_of_the_failure():
    """Else a crash in the handler would run the failed node again."""
    saver = Recorder()
    graph: Any = StateGraph(State)
    graph.add_node("a", node("a", saver, fails=True), error_handler=node("handler", saver))
    graph.add_edge(START, "a")
    await go(graph.compile(checkpointer=saver))
    failure = "write __error__ __error_source_node__ done"
    assert order(saver, failure, "handler") == [failure, "handler"]


async def steps(saver: Recorder) -> list[tuple[set[str], bool]]:
    """The channels of each write, and whether the checkpoint after it carries them."""
    after = {parent: checkpoint for parent, _, checkpoint in saver.puts}
    return [
        (channels, place in after and langgraph_internals.carries(after[place], channels))
        for place, channels in saver.written
    ]


async def test_a_checkpoint_carries_what_the_tasks_before_it_wrote():
    """Else nothing could be dropped: every step would cost its writes, too."""
    saver = Recorder()
    graph: Any = StateGraph(State)
    for name in "abc":
        graph.add_node(name, node(name, saver))
    graph.add_node("quiet", lambda _: None)
    graph.add_edge(START, "a")
    graph.add_conditional_edges("a", lambda state: [Send("b", state), Send("c", state), "quiet"], ["b", "c", "quiet"])
    await go(graph.compile(checkpointer=saver))
    assert {frozenset(channels) for channels, _ in await steps(saver)} == {
        frozenset({"seen", "branch:to:a"}), frozenset({"seen", "__pregel_tasks", "branch:to:quiet"}),
        frozenset({"seen"}), frozenset({"__no_writes__"}),
    }  # fmt: skip
    assert all(carried for _, carried in await steps(saver))


async def test_no_checkpoint_carries_a_delta_channel_an_interrupt_its_answer_an_error_or_a_tasks_result():
    """Else what is needed to go on or to rebuild a channel would be dropped."""
    await go(chain(saver := Recorder(), "a", "b", schema=Log))
    asking = chain(saver, "ask", ask=lambda _: {"seen": [interrupt("?")]})
    await go(asking)
    await go(asking, Command(resume="!"))
    with pytest.raises(ValueError, match="bad"):
        await go(chain(saver, "bad", bad=node("bad", saver, fails=True)))

    @task
    async def work() -> int:
        return 1

    @entrypoint(checkpointer=saver)
    async def flow(_: Any) -> int:
        return await work()

    await go(flow)
    needed = {"__interrupt__", "__resume__", "__error__", "__return__"}
    found = [
        (channels, carried)
        for channels, carried in await steps(saver)
        if channels & needed or "branch:to:b" in channels
    ]
    assert needed < set().union(*(channels for channels, _ in found))
    assert not any(carried for _, carried in found)


async def test_a_snapshot_of_a_delta_channel_is_no_reason_to_drop_its_writes():
    assert not langgraph_internals.carries({"channel_values": {"seen": _DeltaSnapshot([])}}, {"seen"})  # type: ignore[typeddict-item]


async def test_clones_of_a_saver_share_its_attributes():
    """Else a clone would hold back what the original does not know of."""
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    saver.mine = object()  # type: ignore[attr-defined]
    clone = saver.with_allowlist({("tests", "State")})
    assert clone is not saver
    assert clone.mine is saver.mine  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("theirs", "columns"),
    [
        (base.UPSERT_CHECKPOINT_BLOBS_SQL, "thread_id, checkpoint_ns, channel, version, type, blob"),
        (
            base.UPSERT_CHECKPOINTS_SQL,
            "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata",
        ),
        (
            base.UPSERT_CHECKPOINT_WRITES_SQL,
            "thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob",
        ),
    ],
)
def test_the_stock_saver_writes_the_columns_that_our_statement_writes(theirs: str, columns: str):
    """Else the tables have changed: compare migrations, then STATEMENT."""
    assert f"({columns})" in theirs
    assert f"({columns})".encode() in STATEMENT


def test_the_stock_savers_tables_are_those_that_we_know():
    """Else look whether its new migrations ask for something of whoever writes."""
    assert len(base.MIGRATIONS) == 10
    assert WRITES_IDX_MAP == {"__error__": -1, "__scheduled__": -2, "__interrupt__": -3, "__resume__": -4}


@pytest.mark.parametrize("reads", ["aget_tuple", "alist", "aget_delta_channel_history", "adelete_thread", "aprune"])
def test_the_stock_saver_reads_and_deletes_through_its_cursor(reads: str):
    """Else a reader would not see what is held back."""
    assert "_cursor" in getattr(AsyncPostgresSaver, reads).__code__.co_names


def test_values_lie_where_the_stock_saver_puts_them_but_for_what_json_refuses():
    snapshot = _DeltaSnapshot([1])
    plain = {"none": None, "text": "a", "whole": 1, "part": 0.5, "yes": True}
    beside = {"list": [1], "nul": "a\0b", "half": "\ud800", "inf": float("inf"), "snapshot": snapshot}
    assert langgraph_internals.split(plain | beside) == (plain | {"snapshot": True}, beside)


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_failed_task_keeps_the_answer_that_it_was_given_and_hears_no_other(keeps: bool) -> None:  # noqa: FBT001
    """Why the answers of a failed task are not written: with them, whoever corrects an answer is not heard."""

    class Dropping(InMemorySaver):
        async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
            kept = writes if keeps else langgraph_internals.without_spent_answers(writes)
            await super().aput_writes(config, kept, task_id, task_path)

    async def ask(_: State) -> dict[str, list[str]]:
        if (answer := interrupt("when?")) == "wrong":
            raise ValueError(answer)
        return {"seen": [answer]}

    nodes: Any = [("ask", ask)]
    graph = StateGraph(State).add_sequence(nodes).add_edge(START, "ask").compile(checkpointer=Dropping())
    at: Any = {"configurable": {"thread_id": "t"}}
    await graph.ainvoke({"seen": []}, at)
    [asked] = (await graph.aget_state(at)).interrupts
    with pytest.raises(ValueError, match="wrong"):
        await graph.ainvoke(Command(resume={asked.id: "wrong"}), at)
    assert [each.id for each in (await graph.aget_state(at)).interrupts] == [asked.id]
    if keeps:
        with pytest.raises(ValueError, match="wrong"):
            await graph.ainvoke(Command(resume={asked.id: "right"}), at)
    else:
        assert (await graph.ainvoke(Command(resume={asked.id: "right"}), at))["seen"] == ["right"]


def test_answers_that_were_taken_stay_beside_the_next_question() -> None:
    asks: Any = [("__interrupt__", ["two?"]), ("__resume__", ["first"])]
    assert langgraph_internals.without_spent_answers(asks) == asks
    fails: Any = [("__resume__", ["first"]), ("seen", ["x"]), ("__error__", ValueError())]
    assert langgraph_internals.without_spent_answers(fails) == fails[1:]
