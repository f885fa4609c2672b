"""A graph of the image that asks several people at once: before, x and y and z, after. Only it knows a right answer."""

import asyncio
import operator
import os
from typing import Annotated, Any

from langchain.chat_models import init_chat_model
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from contract import Env

BRANCHES = ("x", "y", "z")
WORD = "word-"  # how a right answer begins
SECONDS = 0.3  # of work with an answer: others may come meanwhile


class State(MessagesState):
    """`asks` is how many branches there are, `done` what they were answered."""

    asks: int
    done: Annotated[list[str], operator.add]


def graph() -> Any:
    """The graph, for langgraph.json; its model is the one that agents have, behind the same gate."""
    model = init_chat_model("openai:gpt-4.1-mini", base_url=os.environ[Env.OPENAI_BASE_URL])

    async def think(state: State) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    built: Any = StateGraph(State)
    built.add_node("before", think)
    built.add_node("after", think)
    built.add_edge(START, "before")
    built.add_conditional_edges("before", lambda state: list(BRANCHES[: state["asks"]]), list(BRANCHES))
    for name in BRANCHES:
        built.add_node(name, _branch(name))
        built.add_edge(name, "after")
    built.add_edge("after", END)
    return built.compile()


def _branch(name: str) -> Any:
    async def ask(_: State) -> dict[str, list[str]]:
        answer = interrupt({"ask": name})
        if not (isinstance(answer, str) and answer.startswith(WORD)):
            raise ValueError(f"{name}: that is no word")
        await asyncio.sleep(SECONDS)
        return {"done": [answer]}

    return ask
