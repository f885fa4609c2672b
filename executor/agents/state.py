"""The state of a graph as JSON."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict
from pydantic import BaseModel


def as_json(value: Any) -> Any:
    """Whatever a channel holds, as JSON: messages in LangChain's dict form, what has no form as its text."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, BaseMessage):
        return as_json(message_to_dict(value))
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    return as_json(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def last_text(values: Any) -> str | None:
    """The text of the last message, or None where there is none."""
    messages = values.get("messages") if isinstance(values, Mapping) else None
    if not messages or not isinstance(messages[-1], BaseMessage):
        return None
    return str(messages[-1].text) or None
