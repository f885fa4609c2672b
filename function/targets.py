"""How a composed resource reaches the cluster, and where in what is observed it is found again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """`place` gives what Crossplane is asked for; `path` leads from what it observes to the resource itself."""

    place: Callable[[Manifest], Manifest]
    path: tuple[str, ...]


def _as_it_is(manifest: Manifest) -> Manifest:
    return manifest


NATIVE = Target(place=_as_it_is, path=())
