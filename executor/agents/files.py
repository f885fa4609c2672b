"""Files among a graph's input: a text in the place of one becomes one, as deepagents keeps them. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, get_args, get_origin

from typing_extensions import is_typeddict

from executor.agents.annotations import alternatives, hints


def channels_of_files(schema: Any) -> frozenset[str]:
    """The channels of an input that hold files by their paths."""
    return frozenset(name for name, annotation in hints(schema).items() if any(map(_holds_files, _mapped(annotation))))


def with_files(payload: dict[str, Any], channels: Collection[str]) -> dict[str, Any]:
    """The input with each text in these channels as a file."""
    given = {name: payload[name] for name in channels if isinstance(payload.get(name), Mapping)}
    return payload | {name: {path: _file(value) for path, value in files.items()} for name, files in given.items()}


def _file(value: Any) -> Any:
    return {"content": value, "encoding": "utf-8"} if isinstance(value, str) else value


def _mapped(annotation: Any) -> list[Any]:
    """What a channel maps texts to, if it does."""
    dicts = [each for each in alternatives(annotation) if get_origin(each) is dict]
    return [value for each in dicts for value in alternatives(get_args(each)[1])]


def _holds_files(value: Any) -> bool:
    return is_typeddict(value) and {"content", "encoding"} <= hints(value).keys()
