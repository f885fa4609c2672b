"""Which agent a job asks for, and what was found behind its name. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Resolved:
    """What a job runs, found once, when it is accepted: the name of its agent and the digest of its definition.

    A graph of the image has no definition, a definition of the message no name, and what was not found neither. `text`
    is the definition as JSON, where it is at hand.
    """

    agent: str | None = None
    definition: str | None = None
    text: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, definition: Mapping[str, Any], agent: str | None = None) -> Self:
        """The digest is SHA-256 over the definition's JSON, its keys sorted."""
        text = json.dumps(definition, sort_keys=True)
        return cls(agent, hashlib.sha256(text.encode()).hexdigest(), text)


UNRESOLVED = Resolved()


@dataclass(frozen=True)
class KnownAgent:
    """An agent that jobs may ask for by name; `source` is the file that it comes from."""

    name: str
    kind: Literal["graph", "definition"]
    source: str
    description: str | None = None


def agent_asked(definition: Mapping[str, Any]) -> Any:
    """What a job gives as an agent's name in place of a definition, or None where it brings one or asks for a graph."""
    is_another = "nodes" in definition or definition.get("graph") is not None
    return None if is_another else definition.get("agent")
