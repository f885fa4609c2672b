"""What pods have as files: of Secrets and ConfigMaps, each in a folder of its own, and for reading only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from function.claim import config_maps, secrets
from function.claim.config_maps import ConfigMap
from function.claim.secrets import CA_KEY, Authority
from function.claim.xr import Agent


@dataclass(frozen=True)
class Volume:
    """One volume and where it is mounted; `source` as Kubernetes has it."""

    name: str
    folder: str
    source: dict[str, Any]


def served(agent: Agent) -> list[Volume]:
    """Those of the service."""
    found = (*config_maps.agents(agent), *config_maps.issuers(agent))
    return [*authorities(secrets.authorities(agent)), *map(_config_map, found)]


def authorities(found: Iterable[Authority]) -> list[Volume]:
    """Certificates alone: their Secrets may hold private keys as well."""
    return [
        Volume(it.name, it.folder, {"secret": {"secretName": it.secret, "items": _items([CA_KEY])}}) for it in found
    ]


def _config_map(found: ConfigMap) -> Volume:
    items = {"items": _items(found.keys)} if found.keys else {}
    return Volume(found.volume, found.folder, {"configMap": {"name": found.name, **items}})


def _items(keys: Iterable[str]) -> list[dict[str, str]]:
    return [{"key": key, "path": key} for key in keys]
