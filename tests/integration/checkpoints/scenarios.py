"""Lives of a thread in two halves, each half on a saver of its own; what must come out does not depend on the savers.

A scenario returns what it saw: which nodes ran in each half, and the state as the second half's saver and the stock
saver read it.
"""

import itertools
import operator
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send

from tests.integration.checkpoints.graphs import GO, State, chain, diamond, graph
from tests.integration.checkpoints.lab import at
from tests.integration.checkpoints.thread import Broken, Seen, Thread, plain


async def a_branch_fails(thread: Thread) -> Seen:
    built = diamond(thread, fails=True)
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, None)
    return await thread.seen(built, first=first)


async def a_branch_asks(thread: Thread) -> Seen:
    built = diamond(thread, asks=True)
    await thread.run(built, GO)
    asked = await thread.state(built)
    first = await thread.turn()
    await thread.run(built, Command(resume="yes"))
    return await thread.seen(built, first=first, asked=asked)


async def two_branches_ask_and_one_is_asked_again_in_the_past(thread: Thread) -> Seen:
    nodes = {"a": thread.node("a"), "p": thread.node("p", asks=True), "q": thread.node("q", asks=True)}
    built = graph(nodes, [(START, "a"), ("a", "p"), ("a", "q")])
    await thread.run(built, GO)
    await thread.turn()
    bound = built.copy(update={"checkpointer": thread.saver})
    asked = (await bound.aget_state(at(thread.name))).interrupts
    await thread.run(built, Command(resume={each.id: f"to {each.value}" for each in asked}))
    past = [found async for found in bound.aget_state_history(at(thread.name))]
    then = [each for each in past if each.next == ("p", "q")]
    await thread.run(built, None, then[0].config)
    return await thread.seen(built)


async def a_subgraph_fails_inside(thread: Thread) -> Seen:
    inner = chain({"x": thread.node("x"), "y": thread.node("y"), "z": thread.node("z", fails=True)})
    built = chain({"a": thread.node("a"), "inner": inner, "d": thread.node("d")})
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, None)
    return await thread.seen(built, first=first)


async def a_subgraph_asks_inside_and_remembers(thread: Thread) -> Seen:
    inner = chain({"x": thread.node("x"), "y": thread.node("y", asks=True)}).copy(update={"checkpointer": True})
    built = chain({"inner": inner, "d": thread.node("d")})
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, Command(resume="one"))
    await thread.run(built, GO)
    await thread.run(built, Command(resume="two"))
    return await thread.seen(built, first=first)


async def a_fan_out_fails(thread: Thread) -> Seen:
    built: Any = StateGraph(State)
    for name, node in {"go": thread.node("go"), "w": thread.node("w"), "v": thread.node("v", fails=True)}.items():
        built.add_node(name, node)
    built.add_edge(START, "go")
    built.add_conditional_edges("go", lambda state: [Send(name, state) for name in "wwv"], ["w", "v"])
    built = built.compile()
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, None)
    return await thread.seen(built, first=first)


async def a_function_fails_after_its_tasks(thread: Thread) -> Seen:
    @task
    async def work(number: int) -> int:
        thread.ran.append(f"task {number}")
        return number

    @entrypoint(checkpointer=thread.first)
    async def flow(count: int, *, previous: int | None = None) -> Any:
        got = sum([await work(number) for number in range(count)])
        if thread.broken:
            raise Broken
        return entrypoint.final(value=got, save=(previous or 0) + got)

    await thread.run(flow, 3)
    first = await thread.turn()
    values = [await thread.run(flow, None), await thread.run(flow, 2)]
    return await thread.seen(flow, first=first, values=values)


class Log(TypedDict):
    seen: Annotated[list[str], DeltaChannel(lambda state, writes: [*(state or []), *itertools.chain(*writes)])]
    count: Annotated[int, operator.add]


async def a_delta_channel_is_rebuilt(thread: Thread) -> Seen:
    nodes = {"a": thread.node("a"), "p": thread.node("p"), "q": thread.node("q", fails=True, wait=0.01)}
    built = graph(nodes, [(START, "a"), ("a", "p"), ("a", "q")], Log)
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, None)
    await thread.run(built, {"seen": ["again"], "count": 0})
    past = [
        found async for found in built.copy(update={"checkpointer": thread.saver}).aget_state_history(at(thread.name))
    ]
    await thread.run(built, None, next(found for found in past if found.next == ("p", "q")).config)
    return await thread.seen(built, first=first)


async def time_is_travelled(thread: Thread) -> Seen:
    built = diamond(thread)
    await thread.run(built, GO)
    await thread.turn()
    bound = built.copy(update={"checkpointer": thread.saver})
    past = [found async for found in bound.aget_state_history(at(thread.name))]
    before_d = next(found for found in past if found.next == ("d",))
    replayed = await thread.run(built, None, before_d.config)
    forked = await bound.aupdate_state(before_d.config, {"count": 70}, as_node="a")
    branched = await thread.run(built, None, forked)
    updated = await bound.aupdate_state(at(thread.name), {"count": 7}, as_node="a")
    return await thread.seen(
        built, replayed=replayed, branched=branched, went_on=await thread.run(built, None, updated)
    )


async def a_thread_has_many_turns(thread: Thread) -> Seen:
    built = diamond(thread)
    for _ in range(2):
        await thread.run(built, GO)
    first = await thread.turn()
    for _ in range(2):
        await thread.run(built, GO)
    return await thread.seen(built, first=first)


async def a_handler_of_errors_fails(thread: Thread) -> Seen:
    built: Any = StateGraph(State)
    built.add_node("a", thread.node("a"))
    built.add_node("b", thread.node("b", fails=True), error_handler=thread.node("handler", fails=True))
    built.add_edge(START, "a")
    built.add_edge("a", "b")
    built = built.compile()
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, None)
    return await thread.seen(built, first=first)


async def a_command_goes_elsewhere(thread: Thread) -> Seen:
    nodes = {name: thread.node(name) for name in "abc"} | {"ask": thread.node("ask", asks=True)}
    built = graph(nodes, [(START, "a"), ("a", "ask"), ("b", "c")])
    await thread.run(built, GO)
    first = await thread.turn()
    await thread.run(built, Command(goto="b", update={"count": 100}))
    return await thread.seen(built, first=first)


class Scripted(GenericFakeChatModel):
    """A model that says what is in its row, whatever it is asked."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def calls(name: str, identity: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": identity}])


async def a_deep_agent_asks_a_person(thread: Thread) -> Seen:
    from deepagents import create_deep_agent  # noqa: PLC0415 - takes seconds, and only here

    model = Scripted(
        messages=iter(
            [
                calls("write_file", "1", file_path="/a", content="one"),
                calls("task", "2", description="look", subagent_type="scout"),
                AIMessage("scouted"),
                calls("write_file", "3", file_path="/b", content="two"),
                AIMessage("done"),
            ]
        )
    )
    scout: Any = {"name": "scout", "description": "looks", "system_prompt": "look", "model": model, "tools": []}
    built = create_deep_agent(model, subagents=[scout], interrupt_on={"task": True}, system_prompt="work")
    await thread.run(built, {"messages": [HumanMessage("go")]})
    first = plain((await thread.state(built))["values"]["messages"])
    await thread.turn()
    await thread.run(built, Command(resume={"decisions": [{"type": "approve"}]}))
    state, stock = await thread.state(built), await thread.state(built, thread.stock)
    for each in (state, stock):
        each["values"]["files"] = {path: file["content"] for path, file in each["values"]["files"].items()}
    return {"first": first, "state": state, "stock": stock}


SCENARIOS: Sequence[Callable[[Thread], Awaitable[Seen]]] = (
    a_branch_fails,
    a_branch_asks,
    two_branches_ask_and_one_is_asked_again_in_the_past,
    a_subgraph_fails_inside,
    a_subgraph_asks_inside_and_remembers,
    a_fan_out_fails,
    a_function_fails_after_its_tasks,
    a_delta_channel_is_rebuilt,
    time_is_travelled,
    a_thread_has_many_turns,
    a_handler_of_errors_fails,
    a_command_goes_elsewhere,
    a_deep_agent_asks_a_person,
)
