"""The graph that is measured: three nodes, each appends a message to the state. No model."""

import asyncio
import json
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

NODE_SECONDS = 0.2
TEXT = "What does a job of one kilobyte cost? " * 27


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


async def say(_: Any) -> dict[str, Any]:
    """A node that appends a message."""
    return {"messages": [AIMessage(content="ok")]}


async def wait(state: Any) -> dict[str, Any]:
    """A node that appends a message after a while, as one does that asks a model."""
    await asyncio.sleep(NODE_SECONDS)
    return await say(state)


def three_nodes(node: Any = say) -> StateGraph[Any]:
    """START, a, b, c, END; to be compiled with a checkpointer or without."""
    graph: StateGraph[Any] = StateGraph(State)
    for name in "abc":
        graph.add_node(name, node)
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    graph.add_edge("b", "c")
    graph.add_edge("c", END)
    return graph


def compiled() -> Any:
    """The graph, for langgraph.json."""
    return three_nodes().compile()


def slow() -> Any:
    """The graph whose nodes wait, for langgraph.json."""
    return three_nodes(wait).compile()


def payload() -> dict[str, Any]:
    """The input of every job, about a kilobyte."""
    return {"messages": [{"role": "user", "content": TEXT}]}


def event(job_id: str, **definition: str) -> bytes:
    """The job as a CloudEvent in structured mode."""
    data = {"job_id": job_id, "agent_definition": definition, "input_payload": payload()}
    return json.dumps(
        {"specversion": "1.0", "id": job_id, "source": "bench", "type": "io.bizmatters.agent.execute", "data": data}
    ).encode()
