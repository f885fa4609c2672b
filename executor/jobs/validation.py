"""What is wrong with data from outside, and where, in our words. Pure."""

import math
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from executor.values import is_unicode

DEEPEST = 200
WORDS = {
    "missing": "is missing",
    "String should have at least 1 character": "is empty",
    "string_type": "must be a string",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
}


def describe(error: ValidationError, root: str) -> Iterator[str]:
    """Each complaint with the path of its field, in our words."""
    for detail in error.errors(include_url=False, include_input=False):
        yield f"{path_of((root, *detail['loc']))}: {_words(detail['type'], detail['msg'])}"


def _words(kind: str, message: str) -> str:
    plain = message.partition(" after validation")[0]
    return WORDS.get(kind) or WORDS.get(message) or re.sub("^(Input|String|Dictionary) should", "must", plain)


def path_of(steps: tuple[str | int, ...]) -> str:
    """`("data", "messages", 0)` as `data.messages[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def unstorable_in(data: dict[str, Any]) -> str | None:
    """Where the data hold what PostgreSQL or UTF-8 cannot, and what; without recursion: nesting may be hostile."""
    ahead: list[tuple[tuple[str | int, ...], Any]] = [(("data",), data)]
    while ahead:
        path, value = ahead.pop()
        if len(path) > DEEPEST:
            return f"{_printable(path_of(path[:3]))}: is nested too deeply"
        if isinstance(value, dict):
            ahead.extend(((*path, key), item) for key, item in value.items())
            ahead.extend(((*path, "(a key)"), key) for key in value)
        elif isinstance(value, list):
            ahead.extend(((*path, index), item) for index, item in enumerate(value))
        elif (problem := unstorable(value)) is not None:
            return f"{_printable(path_of(path))}: {problem}"
    return None


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")


def unstorable(value: Any) -> str | None:
    """Why a value cannot be kept, if it cannot."""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if not isinstance(value, str):
        return None
    if "\0" in value:
        return "holds a NUL character"
    return None if is_unicode(value) else "holds half of a surrogate pair"
