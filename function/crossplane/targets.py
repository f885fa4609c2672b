"""How a composed resource reaches the cluster: as it is, or in an Object of provider-kubernetes."""

from dataclasses import dataclass
from typing import Protocol

from function.claim import names
from function.composition.manifest import Manifest

# What composes by other keys is another resource to Crossplane, so that a claim can go from Objects to none.
PREFIX = "object-"
# What is asked for, on what is applied: the provider tells of a resource, not of which manifest it comes from.
ASKED = "agentexecutor.fn.platform.bizmatters.io/asked"
MANIFEST = ("spec", "forProvider", "manifest")
APPLIED = ("status", "atProvider", "manifest")


class Target(Protocol):
    """A way into the cluster; `prefix` begins the keys of what goes it."""

    @property
    def prefix(self) -> str:
        """The beginning of the keys."""

    def place(self, key: str, manifest: Manifest, *, ready: bool) -> Manifest:
        """What Crossplane is asked for."""


@dataclass(frozen=True)
class Native:
    """Crossplane v2 applies what is composed."""

    prefix: str = ""

    def place(self, key: str, manifest: Manifest, *, ready: bool) -> Manifest:  # noqa: ARG002 - as the Protocol has it
        """The resource itself."""
        return manifest


@dataclass(frozen=True)
class Objects:
    """Crossplane v1 composes what has no namespace: an Object for each resource, which the provider applies.

    `composite` is the composite's name, which no other has. Where `watch` is set, the provider knows that field.
    """

    composite: str
    provider_config: str | None = None
    watch: bool = False
    prefix: str = PREFIX

    def place(self, key: str, manifest: Manifest, *, ready: bool) -> Manifest:
        """The Object. The provider's own idea of ready decides nothing but when it looks again.

        An Object that is not ready is looked at twice a minute, another every ten, and none of our kinds has to be
        ready by what the provider may judge: one whose resource we still wait for is kept unready.
        """
        spec: Manifest = {"readiness": {"policy": "SuccessfulCreate" if ready else "DeriveFromObject"}}
        if self.watch:
            spec["watch"] = True
        if self.provider_config:
            spec["providerConfigRef"] = {"name": self.provider_config}
        metadata = {"name": names.label(self.composite, key), "labels": manifest["metadata"]["labels"]}
        return {
            "apiVersion": "kubernetes.crossplane.io/v1alpha2",
            "kind": "Object",
            "metadata": metadata,
            "spec": {**spec, "forProvider": {"manifest": _signed(manifest)}},
        }


NATIVE = Native()


def _signed(manifest: Manifest) -> Manifest:
    """The manifest with its own digest, and with its end: the provider deletes a Job without a word about its pods.

    Kubernetes then keeps them, unless the Job has the finalizer that says otherwise.
    """
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), ASKED: names.digest(manifest)}
    finalizers = {"finalizers": ["foregroundDeletion"]} if manifest["kind"] == "Job" else {}
    return {**manifest, "metadata": {**metadata, **finalizers, "annotations": annotations}}
