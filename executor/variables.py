"""Variables as they are set: what every command knows of the environment before it reads any settings."""

from collections.abc import Mapping


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set: an empty one is not, and a line break at the end of a value is not part of it."""
    values = {name: value.rstrip("\r\n") for name, value in environ.items()}
    return {name: value for name, value in values.items() if value}
