"""The contexts of a person: services by name, in a file of their own."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from executor.errors import ExecutorError


@dataclass(frozen=True)
class Context:
    """Where a service is, and how it is spoken to; what is none is as if the context were not there."""

    url: str | None = None
    token_file: str | None = None
    token_command: str | None = None
    nats_url: str | None = None


@dataclass(frozen=True)
class Contexts:
    """All of them, and the name of the one that is in use."""

    current: str | None = None
    known: Mapping[str, Context] = field(default_factory=dict)

    @property
    def in_use(self) -> Context:
        """The one that is in use; an empty one where none is."""
        return self.known.get(self.current or "", Context())


def place() -> Path:
    """Where the file is, as the XDG Base Directory Specification says."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(base if base.startswith("/") else os.path.expanduser("~/.config"), "agent-executor", "contexts.json")  # noqa: PTH111 - Path.expanduser fails where there is no home


def read() -> Contexts:
    """What the file holds, nothing where there is none; raises ExecutorError where it is not one of ours."""
    try:
        text = place().read_text(encoding="utf-8")
    except OSError:  # also a home that is another user's, as in a container
        return Contexts()
    try:
        held = json.loads(text)
        known = {str(name): _context(values) for name, values in held["contexts"].items()}
        return Contexts(held["current"], known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecutorError(f"{place()} is no file of contexts ({error!r}): mend it or remove it") from None


def shown(contexts: Contexts) -> dict[str, dict[str, str]]:
    """What each of them says."""
    return {name: {key: value for key, value in asdict(one).items() if value} for name, one in contexts.known.items()}


def write(contexts: Contexts) -> None:
    """Put them in the place of what the file held, whole or not at all, for its owner's eyes only."""
    file = place()
    if not file.is_absolute():
        raise ExecutorError("there is no home directory for a file of contexts: set XDG_CONFIG_HOME")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(file, json.dumps({"current": contexts.current, "contexts": shown(contexts)}, indent=2))
    except OSError as error:
        raise ExecutorError(
            f"{file} cannot be written: {error.strerror}; XDG_CONFIG_HOME names another folder"
        ) from None


def _replace(file: Path, text: str) -> None:
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as new:
            new.write(f"{text}\n")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _context(values: Mapping[str, Any]) -> Context:
    given = {each.name: values.get(each.name) for each in fields(Context)}
    if wrong := [name for name, value in given.items() if not isinstance(value, str | None)]:
        raise TypeError(f"{wrong[0]} is no text")
    return Context(**given)
