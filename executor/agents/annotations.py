"""What annotations of a schema say, without what LangGraph and typing wrap them in. Pure."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

WRAPPERS = (Annotated, NotRequired, Required)


def hints(schema: Any) -> dict[str, Any]:
    """The annotation of each field, or none where a name in one cannot be resolved."""
    try:
        return get_type_hints(schema, include_extras=True)
    except (NameError, TypeError):
        return {}


def alternatives(annotation: Any) -> Iterator[Any]:
    """`int` and `str` of `Annotated[int | str, ...]`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in WRAPPERS:
        yield from alternatives(arguments[0])
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from alternatives(argument)
    else:
        yield annotation
