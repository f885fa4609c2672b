"""What is wrong with a value, in our words: the field's path, then what it must be."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "literal_error": "must be {expected}",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} items",
    "value_error": "{error}",
}


def describe(error: ValidationError, root: str) -> str:
    """All that is wrong, each with the path of its field below `root`."""
    return "; ".join(_describe(problem, root) for problem in error.errors())


def _describe(problem: ErrorDetails, root: str) -> str:
    words = WORDS.get(problem["type"], problem["msg"]).format(**problem.get("ctx", {}))
    return f"{_path(problem['loc'], root)}: {words}"


def _path(location: tuple[int | str, ...], root: str) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]")
    return root + "".join(steps)
