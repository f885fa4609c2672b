"""The versions of Crossplane, as a function sees them: what they send, what they answer, what they read of a reply."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

ROOT = Path(__file__).parent.parent

Document = dict[str, Any]

LONGEST_BASE = 57  # what Crossplane leaves of a claim's name in its composite's, before a suffix
SUFFIX = "-x7k2p"
CAPABILITIES = (
    fnv1.CAPABILITY_CAPABILITIES,
    fnv1.CAPABILITY_REQUIRED_RESOURCES,
    fnv1.CAPABILITY_CREDENTIALS,
    fnv1.CAPABILITY_CONDITIONS,
    fnv1.CAPABILITY_REQUIRED_SCHEMAS,
)


@dataclass(frozen=True)
class Package:
    """What a platform installs for the claims of its tenants."""

    xrd: Path
    composition: Path

    @cached_property
    def options(self) -> Document | None:
        """The input that the Composition gives the function."""
        (step,) = yaml.safe_load(self.composition.read_text())["spec"]["pipeline"]
        given: Document | None = step.get("input")
        return given


V2 = Package(ROOT / "apis/v2/xrd.yaml", ROOT / "apis/v2/composition.yaml")
V1 = Package(ROOT / "apis/v1/xrd.yaml", ROOT / "apis/v1/composition.yaml")
V1_NATIVE = Package(ROOT / "apis/v1/xrd.yaml", ROOT / "apis/v1/composition-native.yaml")


@dataclass(frozen=True)
class Crossplane:
    """One version with one package. `beta`: it calls v1beta1, and drops what that has not: conditions above all.

    `extra`: it answers extra resources, which have no namespace, and no others. `reads_ready`: it reads whether the
    composite itself is ready. `watches`: its provider-kubernetes knows the field `watch`.
    """

    package: Package = V2
    capabilities: tuple[fnv1.Capability, ...] = CAPABILITIES
    beta: bool = False
    extra: bool = False
    reads_ready: bool = True
    watches: bool = True

    @property
    def legacy(self) -> bool:
        """Whether tenants make claims, each with a composite without a namespace."""
        return self.package is not V2

    @property
    def wraps(self) -> bool:
        """Whether resources are composed in Objects."""
        return self.package is V1

    def composite(self, claim: Document) -> Document:
        """What the function is shown of a claim."""
        if not self.legacy:
            return claim
        metadata = claim["metadata"]
        reference = {key: claim[key] for key in ("apiVersion", "kind")} | {
            key: metadata[key] for key in ("name", "namespace")
        }
        return {
            **claim,
            "kind": f"X{claim['kind']}",
            "metadata": {"name": composite_name(metadata["name"]), "generation": 1},
            "spec": {
                **claim["spec"],
                "claimRef": reference,
                "compositionRef": {"name": "xagentexecutors.platform.bizmatters.io"},
                "compositionUpdatePolicy": "Automatic",
                "resourceRefs": [],
            },
        }


def composite_name(claim: str) -> str:
    """The name of a claim's composite, as Crossplane would generate it."""
    return claim[:LONGEST_BASE] + SUFFIX


CROSSPLANES: dict[str, Crossplane] = {
    "1.16, old provider": Crossplane(V1, (), beta=True, extra=True, reads_ready=False, watches=False),
    "1.16": Crossplane(V1, (), beta=True, extra=True, reads_ready=False),
    "1.20": Crossplane(V1, (), extra=True),
    "2.0, Objects": Crossplane(V1, ()),
    "2.3, Objects": Crossplane(V1),
    "2.0, claim": Crossplane(V1_NATIVE, ()),
    "2.3, claim": Crossplane(V1_NATIVE),
    "2.0": Crossplane(V2, ()),
    "2.3": Crossplane(V2),
}
