"""The state of a graph as JSON."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from executor.values import ARRAYS, BYTES, OBJECTS, plain, text

SMALL_VALUES, SMALL_CHARACTERS = 2_000, 256 << 10  # what is made into JSON in a millisecond or two


def as_json(value: Any) -> Any:
    """Whatever a channel holds, as JSON: messages in LangChain's dict form, what has no form as its text."""
    return plain(value, _form)


async def whole_as_json(value: Any) -> Any:
    """The same of what may be large; then it is made beside the event loop."""
    return as_json(value) if is_small(value) else await asyncio.to_thread(as_json, value)


def as_flat_json(value: Any) -> Any:
    """The same, but messages as their fields: the form that LangGraph's own clients take."""
    return plain(value, lambda held: held.model_dump() if isinstance(held, BaseMessage) else _form(held))


async def whole_as_flat_json(value: Any) -> Any:
    """The same of what may be large; then it is made beside the event loop."""
    return as_flat_json(value) if is_small(value) else await asyncio.to_thread(as_flat_json, value)


def is_small(value: Any) -> bool:
    """Whether it holds few values and little text; looks no further than that."""
    values, characters, inside = SMALL_VALUES, SMALL_CHARACTERS, [value]
    while inside and values > 0 and characters > 0:
        held = inside.pop()
        values -= 1
        if isinstance(held, OBJECTS):
            inside.extend(list(held.values())[:values])
        elif isinstance(held, ARRAYS):
            inside.extend(list(held)[:values])
        elif isinstance(held, BaseMessage):
            inside.append(held.content)
        elif isinstance(held, (str, *BYTES)):
            characters -= len(held)
    return not inside and characters > 0


def _form(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return message_to_dict(value)
    if isinstance(value, BaseModel):
        return _model(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return text(value)


def _model(model: BaseModel) -> Any:
    """Its own JSON, but for bytes: pydantic makes text of those that happen to be UTF-8, and raises at others."""
    dumped = model.model_dump(warnings=False)
    if _holds_bytes(dumped):
        return plain(dumped, lambda value: to_jsonable_python(value, fallback=text, inf_nan_mode="strings"))
    return model.model_dump(mode="json", warnings=False, fallback=text)


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_bytes, value.values()))
    return any(map(_holds_bytes, value)) if isinstance(value, ARRAYS) else isinstance(value, BYTES)


def last_text(values: Any) -> str | None:
    """The text of the last message, or None where there is none."""
    messages = values.get("messages") if isinstance(values, Mapping) else None
    if not messages or not isinstance(messages[-1], BaseMessage):
        return None
    return str(messages[-1].text) or None
