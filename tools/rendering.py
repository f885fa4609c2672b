"""A claim rendered by `crossplane composition render`, at its first call or grown to where nothing changes any more."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from function.claim import secrets, xr
from tools import crossplanes, toolchain
from tools.crossplanes import V2, Package, composite_name

ROOT = crossplanes.ROOT
Document = crossplanes.Document
XRD = V2.xrd
COMPOSITION = V2.composition
FUNCTIONS = ROOT / "examples/functions.yaml"
OPERATORS_INSTALLED = ROOT / "examples/operators-installed.yaml"


def condition(kind: str, status: str, reason: str, message: str = "") -> Document:
    """A status with one condition."""
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


READY: dict[str, Document] = {
    "Job": condition("Complete", "True", "CompletionsReached"),
    "Deployment": {
        **condition("Progressing", "True", "NewReplicaSetAvailable"),
        "observedGeneration": 1,
        "replicas": 1,
        "updatedReplicas": 1,
        "availableReplicas": 1,
    },
    "ScaledObject": condition("Ready", "True", "ScaledObjectReady", "ScaledObject is defined correctly"),
    "ExternalSecret": condition("Ready", "True", "SecretSynced", "secret synced"),
}


class RenderError(Exception):
    """Render failed; the message is what it said, which for a refused claim is the function's fatal result."""


@dataclass(frozen=True)
class World:
    """What happens to composed resources: they get ready, but for the kinds that have another status here.

    Every operator and every Secret is there, but for the definitions, the Secrets and the `secret/key` of `without`.
    What cannot be applied from an Object is in `refusals`, by its kind, with the provider's message. The definition of
    Objects has the field `watch` where it `watches`.
    """

    statuses: Mapping[str, Document] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    calls: int = 10
    refusals: Mapping[str, str] = field(default_factory=dict)
    watches: bool = True

    def observe(self, composed: Document) -> Document:
        """The composed resource as the cluster shows it afterwards."""
        if composed["kind"] == "Object":
            return self._observe_object(composed)
        status = self.statuses.get(composed["kind"], READY.get(composed["kind"], {}))
        return {**composed, "metadata": {**composed["metadata"], "generation": 1}, "status": status}

    def holds(self, claim: Document) -> Iterator[Document]:
        """The definitions and the Secrets that the function may ask for."""
        there = [*yaml.safe_load_all(OPERATORS_INSTALLED.read_text()), *_secrets(claim, self.without)]
        return (document for document in there if document["metadata"]["name"] not in self.without)

    def _observe_object(self, composed: Document) -> Document:
        """The Object with its definition's defaults, and in its status what the provider has applied."""
        manifest: Document = composed["spec"]["forProvider"]["manifest"]
        spec = {"deletionPolicy": "Delete", **({"watch": False} if self.watches else {}), **composed["spec"]}
        if refusal := self.refusals.get(manifest["kind"]):
            return {**composed, "spec": spec, "status": condition("Synced", "False", "ReconcileError", refusal)}
        shown = {"atProvider": {"manifest": self.observe(manifest)}}
        return {**composed, "spec": spec, "status": {**shown, **condition("Synced", "True", "ReconcileSuccess")}}


ALL_READY = World()

# One call of the function: the claim, where it listens, what is observed, and the world.
Call = Callable[[Path, str, Sequence[Document], World], list[Document]]


def render(
    claim: Path,
    address: str,
    observed: Sequence[Document] = (),
    world: World = ALL_READY,
    package: Package = V2,
) -> list[Document]:
    """One call of the function that listens at `address`: the composite, then what is composed for it."""
    with tempfile.TemporaryDirectory() as folder:
        seen, there = Path(folder, "observed.yaml"), Path(folder, "required.yaml")
        seen.write_text(yaml.safe_dump_all(observed))
        there.write_text(yaml.safe_dump_all(world.holds(yaml.safe_load(claim.read_text()))))
        files = [f"--observed-resources={seen}"] if observed else []
        composite = claim if package is V2 else _generate(claim, Path(folder, "composite.yaml"))
        rendered = _run(*_render(composite, package, address), *files, f"--required-resources={there}")
    return list(yaml.safe_load_all(rendered))


def grow(claim: Path, address: str, world: World = ALL_READY, call: Call = render) -> list[Document]:
    """Call again with what was composed as observed, until nothing changes; the composite comes first."""
    observed: list[Document] = []
    for _ in range(world.calls):
        rendered = call(claim, address, observed, world)
        seen = [world.observe(document) for document in rendered[1:]]
        if seen == observed:
            break
        observed = seen
    return rendered


def _generate(claim: Path, composite: Path) -> Path:
    """Crossplane v1 makes a composite of a claim, and renders nothing else."""
    name = composite_name(yaml.safe_load(claim.read_text())["metadata"]["name"])
    cli = str(toolchain.crossplane_cli())
    _run(cli, "xr", "generate", str(claim), f"--name={name}", f"--output-file={composite}")
    return composite


def _render(composite: Path, package: Package, address: str) -> list[str]:
    files = [str(path) for path in (composite, package.composition, FUNCTIONS)]
    return [
        *(str(toolchain.crossplane_cli()), "composition", "render", *files, "--include-full-xr"),
        f"--xrd={package.xrd}",
        f"--crossplane-binary={toolchain.crossplane_core()}",
        f"--function-annotations=render.crossplane.io/runtime-development-target={address}",
    ]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return done.stdout


def _secrets(claim: Document, without: frozenset[str]) -> Iterator[Document]:
    """The Secrets that a claim names, with every key that it needs; none where the claim is refused."""
    metadata = claim["metadata"]
    try:
        agent = xr.parse(metadata["name"], metadata["namespace"], claim["spec"])
    except xr.InvalidClaim:
        return
    for secret in secrets.used(agent):
        keys = (key for needed in secret.needs for key in needed if f"{secret.name}/{key}" not in without)
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret.name, "namespace": agent.namespace},
            "data": dict.fromkeys(keys, "c2VjcmV0"),
        }
