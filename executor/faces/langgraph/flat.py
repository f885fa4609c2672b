"""Messages as their fields: the form that LangGraph's clients take, of the one in which jobs' results are. Pure."""

from typing import Any

WRAPPED = {"type", "data"}


def flat(value: Any) -> Any:
    """The JSON of a state, with each message in LangChain's dict form as its fields."""
    if isinstance(value, list):
        return [flat(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == WRAPPED and isinstance(value["data"], dict) and value["data"].get("type") == value["type"]:
        return value["data"]
    return {name: flat(each) for name, each in value.items()}
