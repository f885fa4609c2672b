"""What a thread holds is read with the graph that wrote it, and as it lies there where that is gone."""

from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from executor.agents.states import StateReader
from executor.errors import Rejected
from executor.jobs.agents import Resolved
from executor.jobs.states import Slice, Spot, TaskState, ThreadState

pytestmark = pytest.mark.anyio

RAN = Resolved("asker")
THREAD = {"configurable": {"thread_id": "t"}, "metadata": {"job_id": "j"}}


def merged(state, writes):
    for write in writes:
        state = add_messages(state, write)
    return state


class State(TypedDict):
    messages: Annotated[list[AnyMessage], DeltaChannel(merged)]
    said: str


def answer(_):
    return {"messages": [AIMessage("Blue.", id="a")], "said": "Blue."}


def ask(_):
    return {"said": interrupt({"question": "Sure?"})}


def reading(saver, error=None):
    builder = StateGraph(State).add_node("answer", answer).add_node("ask", ask)
    graph = builder.add_edge(START, "answer").add_edge("answer", "ask").add_edge("ask", END).compile()

    async def graph_of(ran):
        if error is not None:
            raise error
        assert ran == RAN
        return graph

    return graph.copy(update={"checkpointer": saver}), StateReader(graph_of, lambda: saver)


@pytest.fixture
async def saver():
    kept = InMemorySaver()
    graph, _ = reading(kept)
    await graph.ainvoke({"messages": [HumanMessage("Which colour?", id="q")]}, THREAD)
    return kept


def texts(state):
    return [(message["type"], message["id"], message["content"]) for message in state.values["messages"]]


async def test_a_thread_that_asks_has_its_values_whole_and_its_question(saver):
    state = await reading(saver)[1].state(Spot("t"), RAN)
    [question] = state.interrupts
    [task] = state.tasks
    assert texts(state) == [("human", "q", "Which colour?"), ("ai", "a", "Blue.")]
    assert question == {"id": question["id"], "value": {"question": "Sure?"}}
    assert state == ThreadState(
        spot=Spot("t", "", state.spot.checkpoint_id),
        values={"messages": state.values["messages"], "said": "Blue."},
        next=("ask",),
        tasks=(TaskState(task.id, "ask", ("__pregel_pull", "ask"), interrupts=(question,)),),
        interrupts=(question,),
        metadata=state.metadata,
        created_at=state.created_at,
        parent=Spot("t", "", state.parent.checkpoint_id),
    )
    assert (state.metadata["step"], state.metadata["source"], state.metadata["job_id"]) == (1, "loop", "j")


async def test_a_history_goes_back_from_the_newest_and_on_from_a_checkpoint(saver):
    reader = reading(saver)[1]
    told = await reader.history(Spot("t"), RAN)
    assert [(state.metadata["step"], state.next) for state in told] == [
        (1, ("ask",)),
        (0, ("answer",)),
        (-1, ("__start__",)),
    ]
    assert await reader.history(Spot("t"), RAN, Slice(limit=1, before=told[0].spot.checkpoint_id)) == told[1:2]
    assert await reader.history(Spot("t"), RAN, Slice(metadata={"source": "input"})) == told[2:]
    assert await reader.state(told[1].spot, RAN) == told[1]


async def test_a_thread_that_has_ended_asks_nothing(saver):
    graph, reader = reading(saver)
    await graph.ainvoke(Command(resume="Yes."), THREAD)
    state = await reader.state(Spot("t"), RAN)
    assert (state.values["said"], state.next, state.tasks, state.interrupts) == ("Yes.", (), (), ())


async def test_what_is_not_there_is_none(saver):
    reader = reading(saver)[1]
    assert await reader.state(Spot("another"), RAN) is None
    assert await reader.state(Spot("t", "", "1f0"), RAN) is None
    assert await reader.history(Spot("another"), RAN) == []


async def test_without_its_graph_a_checkpoint_tells_what_lies_in_it_and_what_is_left_out(saver):
    reader = reading(saver, Rejected("unknown_agent", "'asker' is no agent here"))[1]
    state = await reader.state(Spot("t"), RAN)
    assert state == ThreadState(
        spot=state.spot,
        values={"said": "Blue."},
        interrupts=state.interrupts,
        metadata=state.metadata,
        created_at=state.created_at,
        parent=state.parent,
        unread="'asker' is no agent here; left out: messages",
    )
    assert [each["value"] for each in state.interrupts] == [{"question": "Sure?"}]
    assert [each.spot for each in await reader.history(Spot("t"), RAN, Slice(limit=2))] == [state.spot, state.parent]
    assert await reader.state(Spot("another"), RAN) is None
