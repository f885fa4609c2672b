"""The ConfigMaps that a claim's pods have as files."""

from collections.abc import Iterator
from dataclasses import dataclass

import contract
from function.claim import names
from function.claim.xr import Agent


@dataclass(frozen=True)
class ConfigMap:
    """One ConfigMap, and the folder that it becomes: of those `keys`, which pods wait for, or of all."""

    name: str
    around: str
    keys: tuple[str, ...] = ()

    @property
    def volume(self) -> str:
        """The name of the pods' volume."""
        return names.label(self.around.rpartition("/")[2], self.name)

    @property
    def folder(self) -> str:
        """Where its files lie, apart from those of others: two of them may have a file of one name."""
        return f"{self.around}/{self.name}"


def agents(agent: Agent) -> Iterator[ConfigMap]:
    """Those with definitions of named agents."""
    for name in agent.spec.agents.config_maps:
        yield ConfigMap(name, contract.AGENTS_FOLDER)


def issuers(agent: Agent) -> Iterator[ConfigMap]:
    """Those with the public keys of issuers."""
    wanted: dict[str, dict[str, None]] = {}
    for issuer in agent.spec.auth.issuers:
        if source := issuer.jwks_config_map:
            wanted.setdefault(source.name, {})[source.key] = None
    for name, keys in wanted.items():
        yield ConfigMap(name, contract.AUTH_FOLDER, tuple(keys))
