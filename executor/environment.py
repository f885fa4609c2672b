"""The only reader of the environment: how a group of settings comes out of its variables."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from executor.errors import Misconfigured
from executor.variables import given

_WITH_PORT = re.compile(r"\[(?P<address>[^\[\]]+)\](:\d+)?|(?P<name>[^\[\]:/,]+):\d+")


class Group(BaseModel):
    """Settings that belong together; every field names its environment variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True)

    @classmethod
    def complaints(cls, environ: Mapping[str, str]) -> list[str]:
        """A sentence for each variable that is missing or wrong."""
        try:
            cls.model_validate(given(environ))
        except ValidationError as error:
            return [*_complaints(error)]
        return []

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the group; raises Misconfigured with one line that names every variable that is missing or wrong."""
        try:
            return cls.model_validate(given(environ))
        except ValidationError as error:
            raise Misconfigured("; ".join(_complaints(error))) from None

    @classmethod
    def secrets(cls, environ: Mapping[str, str]) -> list[str]:
        """The values that nobody may see, also where the group cannot be read."""
        fields = [field for field in cls.model_fields.values() if SecretStr in _kinds(field.annotation)]
        values = given(environ)
        return [values[name] for field in fields if (name := str(field.validation_alias)) in values]

    @classmethod
    def variables(cls) -> dict[str, bool]:
        """The environment variables of the group, and whether each is required."""
        return {str(field.validation_alias): field.is_required() for field in cls.model_fields.values()}


def host_alone(text: str) -> str:
    """The host of `host:port`, `[IPv6]` and `[IPv6]:port`, as managed databases write it; any other text as it is."""
    found = _WITH_PORT.fullmatch(text)
    return text if found is None else found["address"] or found["name"]


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) or (annotation,)


def _path(variable: int | str, *steps: int | str) -> str:
    """A variable, and where in its JSON."""
    return str(variable) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _complaints(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        name = _path(*detail["loc"])
        if detail["type"] == "missing":
            yield f"{name} is missing"
        else:
            yield f"{name} is wrong: {detail['msg'][0].lower()}{detail['msg'][1:]}"
