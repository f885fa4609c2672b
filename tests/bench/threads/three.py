"""Three nodes, each of which writes a text of a kilobyte: a state that does not grow with the jobs of its thread."""

from typing import Any, TypedDict

from langgraph.graph import StateGraph


class State(TypedDict):
    """What was said last."""

    said: str


async def say(state: State) -> Any:
    """The same again."""
    return {"said": state["said"]}


graph = StateGraph(State).add_sequence([(name, say) for name in "abc"]).set_entry_point("a").compile()
