"""What our claim needs of Crossplane v1: a claim, its composite, an Object of provider-kubernetes, what it applies."""

import pytest

from tools.cluster import provider
from tools.cluster.crossplane import applied
from tools.cluster.kube import Kind, gone, is_true

pytestmark = pytest.mark.anyio

GROUP = "example.org"
NAMESPACE = "team-v1"
CLAIM = Kind(f"{GROUP}/v1", "Note")
CONFIG_MAP = Kind("v1", "ConfigMap")
SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
}
DEFINITION = Kind("apiextensions.crossplane.io/v1", "CompositeResourceDefinition")
XRD = {
    "apiVersion": DEFINITION.api,
    "kind": DEFINITION.name,
    "metadata": {"name": f"xnotes.{GROUP}"},
    "spec": {
        "group": GROUP,
        "names": {"kind": "XNote", "plural": "xnotes"},
        "claimNames": {"kind": "Note", "plural": "notes"},
        "versions": [{"name": "v1", "served": True, "referenceable": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}
OBJECT = {
    "apiVersion": "kubernetes.crossplane.io/v1alpha2",
    "kind": "Object",
    "spec": {
        "watch": True,
        "providerConfigRef": {"name": provider.CONFIG},
        "forProvider": {
            "manifest": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"namespace": NAMESPACE, "name": "note"},
                "data": {},
            }
        },
    },
}
COMPOSITION = {
    "apiVersion": "apiextensions.crossplane.io/v1",
    "kind": "Composition",
    "metadata": {"name": "xnotes"},
    "spec": {
        "compositeTypeRef": {"apiVersion": f"{GROUP}/v1", "kind": "XNote"},
        "mode": "Resources",
        "resources": [
            {
                "name": "note",
                "base": OBJECT,
                "patches": [{"fromFieldPath": "spec.text", "toFieldPath": "spec.forProvider.manifest.data.text"}],
            }
        ],
    },
}


async def test_a_claim_ends_in_its_namespace_and_goes_without_a_trace(cluster):
    kube = cluster.kube
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    await kube.apply(XRD)
    await kube.apply(COMPOSITION)
    await kube.until(DEFINITION, f"xnotes.{GROUP}", is_true("Offered"))
    metadata = {"name": "hello", "namespace": NAMESPACE}
    await applied(kube, {"apiVersion": CLAIM.api, "kind": CLAIM.name, "metadata": metadata, "spec": {"text": "calm"}})
    await kube.until(CLAIM, "hello", is_true("Ready"), NAMESPACE, limit=60)
    note = await kube.get(CONFIG_MAP, "note", NAMESPACE)
    assert note["data"] == {"text": "calm"}
    change = {"data": {"text": "storm"}}
    await kube.patch(CONFIG_MAP, "note", change, NAMESPACE)
    await kube.until(CONFIG_MAP, "note", lambda it: it["data"] == {"text": "calm"}, NAMESPACE)
    await kube.delete(CLAIM, "hello", NAMESPACE)
    await kube.until(CONFIG_MAP, "note", gone, NAMESPACE)
    await kube.until(CLAIM, "hello", gone, NAMESPACE)
