"""The text of a file as the JSON object that it stands for, from JSON or YAML. Pure."""

import json
from typing import Any

import yaml

from executor.jobs.validation import DEEPEST, path_of, unstorable

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# A value that its own tag does not fit, as in `!!int x`, breaks PyYAML in many ways.
BROKEN = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
LARGEST = 4 << 20  # what it may come to once YAML's aliases are written out
LONGEST = 2**63
Path = tuple[str | int, ...]


class NoDocument(Exception):
    """A file holds no object of JSON, and why."""


def parse(text: str, *, is_yaml: bool) -> dict[str, Any]:
    """The object; raises NoDocument that says what is wrong, with the path where there is one."""
    document = _from_yaml(text) if is_yaml else _from_json(text)
    if not isinstance(document, dict):
        raise NoDocument("is not an object")
    _check(document)
    return document


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise NoDocument("is nested too deeply") from None
    except ValueError as error:
        raise NoDocument(f"is not JSON: {error}") from None


def _from_yaml(text: str) -> Any:
    try:
        return yaml.load(text, LOADER)  # noqa: S506 - one of the safe ones
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NoDocument(f"is not YAML: {line}{error.problem}") from None
    except BROKEN as error:
        raise NoDocument(f"is not YAML: {' '.join(str(error).split())}") from None


def _check(document: dict[str, Any]) -> None:
    """Raise NoDocument where a value has no JSON; without recursion, as aliases may lead back to themselves."""
    size = 0
    ahead: list[tuple[Path, Any]] = [((), document)]
    while ahead:
        path, value = ahead.pop()
        size += 1 + (len(value) if isinstance(value, str) else 0)
        if problem := _problem(path, value, size):
            raise NoDocument(f"{path_of(path)}: {problem}" if path else problem)
        if isinstance(value, dict):
            ahead.extend(((*path, key), item) for key, item in value.items())
            size += sum(map(len, value))
        elif isinstance(value, list):
            ahead.extend(((*path, index), item) for index, item in enumerate(value))


def _problem(path: Path, value: Any, size: int) -> str | None:
    if len(path) > DEEPEST or size > LARGEST:
        return f"is nested too deeply, or more than {LARGEST} characters with its aliases written out"
    if isinstance(value, dict):
        return next((f"{key!r} is a key: {wrong}" for key in value if (wrong := _wrong_key(key))), None)
    if isinstance(value, bool | list) or value is None:
        return None
    if isinstance(value, int) and abs(value) >= LONGEST:
        return "is too large a number"
    if isinstance(value, str | float | int):
        return unstorable(value)
    return f"is a {type(value).__name__}, which JSON has not: a text stands in quotes"


def _wrong_key(key: Any) -> str | None:
    return unstorable(key) if isinstance(key, str) else "only a text may be one, and some stand in quotes"
