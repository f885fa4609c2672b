"""A claim rendered by `crossplane composition render`, at its first call or grown to where nothing changes any more."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools import toolchain

ROOT = Path(__file__).parent.parent
XRD = ROOT / "apis/v2/xrd.yaml"
COMPOSITION = ROOT / "apis/v2/composition.yaml"
FUNCTIONS = ROOT / "examples/functions.yaml"
KEDA_INSTALLED = ROOT / "examples/keda-installed.yaml"

Document = dict[str, Any]


def condition(kind: str, status: str, reason: str, message: str = "") -> Document:
    """A status with one condition."""
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


READY: dict[str, Document] = {
    "Job": condition("Complete", "True", "CompletionsReached"),
    "Deployment": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    "ScaledObject": condition("Ready", "True", "ScaledObjectReady", "ScaledObject is defined correctly"),
}


class RenderError(Exception):
    """Render failed; the message is what it said, which for a refused claim is the function's fatal result."""


@dataclass(frozen=True)
class World:
    """What happens to composed resources: they get ready, but for the kinds that have another status here."""

    statuses: Mapping[str, Document] = field(default_factory=dict)
    keda: bool = True
    calls: int = 10

    def observe(self, composed: Document) -> Document:
        """The composed resource as the cluster shows it afterwards."""
        status = self.statuses.get(composed["kind"], READY.get(composed["kind"], {}))
        return {**composed, "metadata": {**composed["metadata"], "generation": 1}, "status": status}


ALL_READY = World()


def grow(claim: Path, address: str, world: World = ALL_READY) -> list[Document]:
    """Render again with what was composed as observed, until nothing changes; the composite comes first."""
    observed: list[Document] = []
    for _ in range(world.calls):
        rendered = render(claim, address, observed, keda=world.keda)
        seen = [world.observe(document) for document in rendered[1:]]
        if seen == observed:
            break
        observed = seen
    return rendered


def render(claim: Path, address: str, observed: Sequence[Document] = (), *, keda: bool = True) -> list[Document]:
    """One call of the function that listens at `address`: the composite, then what is composed for it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as seen:
        yaml.safe_dump_all(observed, seen)
        seen.flush()
        more = [f"--observed-resources={seen.name}"] if observed else []
        more += [f"--required-resources={KEDA_INSTALLED}"] if keda else []
        done = subprocess.run([*_command(claim, address), *more], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return list(yaml.safe_load_all(done.stdout))


def _command(claim: Path, address: str) -> list[str]:
    files = [str(path) for path in (claim, COMPOSITION, FUNCTIONS)]
    return [
        *(str(toolchain.crossplane_cli()), "composition", "render", *files, "--include-full-xr", f"--xrd={XRD}"),
        f"--crossplane-binary={toolchain.crossplane_core()}",
        f"--function-annotations=render.crossplane.io/runtime-development-target={address}",
    ]
