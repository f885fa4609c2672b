"""What a job gives a graph beside its input: `context`, of the graph's `context_schema`, taken as LangGraph takes it.

It reaches the graph as a value of the schema, with defaults. To a graph that declares none LangGraph hands it on as it
is, and so does this. A dataclass takes no other keys, a TypedDict keeps them, a pydantic model says itself.
"""

import dataclasses
from inspect import isclass, signature
from typing import Any, NotRequired, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypedDict, is_typeddict

from executor.errors import Rejected
from executor.jobs.validation import describe

INVALID = "invalid_context"
WHERE = "data.context"

Reader = TypeAdapter[Any]


def reader(schema: Any) -> Reader | None:
    """What reads the JSON of a context, or None where the schema is none or cannot be read from JSON."""
    if not _is_schema(schema):
        return None
    try:
        adapter = TypeAdapter(_readable(schema))
        adapter.rebuild()  # raises where a name in an annotation cannot be resolved
    except (PydanticUserError, NameError):
        return None
    return adapter


def read(reader: Reader | None, schema: Any, given: dict[str, Any] | None) -> Any:
    """What the graph is given; raises Rejected that names each field that is missing or wrong."""
    if reader is None:
        return given
    _check_keys(schema, given or {})
    try:
        return reader.validate_python(given or {})
    except ValidationError as error:
        raise Rejected(INVALID, "; ".join(describe(error, WHERE))) from None
    except Exception as error:  # a schema is the image's code, and may raise anything
        raise Rejected(INVALID, f"{WHERE}: {error!r}") from error


def _is_schema(schema: Any) -> bool:
    is_model = isclass(schema) and issubclass(schema, BaseModel)
    return is_model or dataclasses.is_dataclass(schema) or is_typeddict(schema)


def _readable(schema: Any) -> Any:
    if not is_typeddict(schema):
        return schema
    # Before Python 3.12 pydantic takes no other TypedDict than this one.
    fields = {name: _field(schema, name, hint) for name, hint in get_type_hints(schema, include_extras=True).items()}
    readable = TypedDict(schema.__name__, fields)  # type: ignore[misc] # made at run time
    readable.__pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[attr-defined] # pydantic's own protocol
    return readable


def _field(schema: Any, name: str, hint: Any) -> Any:
    says_itself = name in schema.__required_keys__ or get_origin(hint) is NotRequired
    return hint if says_itself else NotRequired[hint]


def _check_keys(schema: type, given: dict[str, Any]) -> None:
    if not dataclasses.is_dataclass(schema):
        return
    if unknown := sorted(given.keys() - signature(schema).parameters.keys()):
        raise Rejected(INVALID, "; ".join(f"{WHERE}.{name}: is none of the graph's" for name in unknown))
