"""What the function knows of the cluster: the few fields that its decisions need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Condition:
    """One of an observed resource's conditions; Unknown where it has none of that type."""

    status: str = UNKNOWN
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Observed:
    """One composed resource, or the composite, as the cluster has it. `replicas` is what its spec asks for.

    What is applied by somebody else may be asked for and not be there yet; `refusal` is why it cannot be applied.
    """

    name: str
    generation: int = 0
    replicas: int | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    there: bool = True
    refusal: str = ""

    def count(self, name: str) -> int:
        """A number in the status; 0 where it is missing, as Kubernetes leaves out zeros."""
        value = self.status.get(name)
        return value if isinstance(value, int) else 0

    def condition(self, kind: str) -> Condition:
        """The condition of that type."""
        conditions = self.status.get("conditions")
        for entry in conditions if isinstance(conditions, list) else ():
            if isinstance(entry, dict) and entry.get("type") == kind:
                return Condition(*(str(entry.get(key, "")) for key in ("status", "reason", "message")))
        return Condition()


@dataclass(frozen=True)
class Cluster:
    """What Crossplane has shown. What is not in a mapping is not known yet.

    `resources` are the composed ones by their key. `definitions` are CustomResourceDefinitions with the versions that
    they serve, none where the definition is missing. `secrets` are the keys that have a value, None where the Secret is
    missing; the whole mapping is None where Secrets are not shown.
    """

    resources: Mapping[str, Observed] = field(default_factory=dict)
    definitions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    secrets: Mapping[str, frozenset[str] | None] | None = None
