"""A rendered container as a process of this machine: its own command, its own environment, filled in locally."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Secrets = Mapping[str, Mapping[str, str]]


class Unfilled(Exception):
    """A container needs a key that no local secret has."""


@dataclass(frozen=True)
class Locally:
    """What stands in for the cluster: secrets by name, other values for variables, and variables beside others."""

    secrets: Secrets
    replaced: Mapping[str, str]
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def added(self, names: Iterable[str]) -> dict[str, str]:
        """The variables that a container with these gets beside them."""
        return {name: value for given in names for name, value in self.beside.get(given, {}).items()}


@dataclass(frozen=True)
class Container:
    """A command, its environment, and what of it is not as rendered."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    changes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command as one types it."""
        return " ".join(self.command)


def read(spec: Document, locally: Locally) -> Container:
    """The container of a pod's spec; raises Unfilled."""
    rendered = dict(_variables(spec, locally.secrets))
    replaced = {name: value for name, value in locally.replaced.items() if name in rendered}
    added = locally.added(rendered)
    changes = [f"{name} is {value}, not {rendered[name]}" for name, value in replaced.items()]
    changes += [f"{name} is added" for name in added]
    changes += [f"{secrets} values are from secrets"] if (secrets := _secrets(spec, rendered)) else []
    path = {"PATH": f"{Path(sys.executable).parent}"}  # where the image has our commands, the checkout has them here
    environment = {**path, **rendered, **replaced, **added}
    return Container(spec["name"], tuple(spec["command"]), environment, tuple(changes))


def _secrets(spec: Document, rendered: Mapping[str, str]) -> int:
    return sum("valueFrom" in entry and entry["name"] in rendered for entry in spec["env"])


def _variables(spec: Document, secrets: Secrets) -> Iterator[tuple[str, str]]:
    for entry in spec["env"]:
        if "value" in entry:
            yield entry["name"], entry["value"]
        else:
            reference = entry["valueFrom"]["secretKeyRef"]
            value = secrets.get(reference["name"], {}).get(reference["key"])
            if value is not None:
                yield entry["name"], value
            elif not reference.get("optional"):
                raise Unfilled(f"{spec['name']}: secret {reference['name']} has no key {reference['key']}")
