"""What one who watches a thread wants to hear. Pure."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from executor.faces.langgraph.protocol.events import Event

CHANNELS = frozenset({"values", "updates", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom"})
STANDING = frozenset({"lifecycle", "input"})
NAMED = "custom:"


class Subscription(BaseModel):
    """The body of a request to watch.

    `namespaces` are prefixes, of which a part without an id means any; `depth` is how far below them, `since` the
    number of the last event that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: list[str]
    namespaces: list[list[str]] | None = None
    depth: int | None = Field(None, ge=0)
    since: int | None = Field(None, ge=0)

    @field_validator("channels")
    @classmethod
    def _known(cls, channels: list[str]) -> list[str]:
        unknown = [name for name in channels if name not in CHANNELS and not name.startswith(NAMED)]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no channel ({', '.join(sorted(CHANNELS))})")
        return channels

    @property
    def is_watch(self) -> bool:
        """Whether it is for how runs stand alone, and not for what they say."""
        return {*self.channels} <= STANDING

    def wants(self, event: Event) -> bool:
        """Whether the event is for them."""
        return self._is_on(event) and self._is_near(event.namespace)

    def _is_on(self, event: Event) -> bool:
        if event.channel in self.channels:
            return True
        return event.channel == "custom" and NAMED + _name(event.data) in self.channels

    def _is_near(self, namespace: Sequence[str]) -> bool:
        if not self.namespaces:
            return True
        return any(
            _is_below(namespace, prefix) and (self.depth is None or len(namespace) - len(prefix) <= self.depth)
            for prefix in self.namespaces
        )


def _name(data: Any) -> str:
    return str(data.get("name", ""))


def _is_below(namespace: Sequence[str], prefix: Sequence[str]) -> bool:
    if len(prefix) > len(namespace):
        return False
    return all(part in {known, known.partition(":")[0]} for part, known in zip(prefix, namespace, strict=False))
