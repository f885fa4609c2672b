"""provider-kubernetes, which Crossplane v1 needs to compose what has a namespace."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from executor.embedded.loopback import HOST, free_port, http_ok
from tools.cluster import parts
from tools.cluster.authority import Authority, Pair
from tools.cluster.chart import NAMESPACE
from tools.cluster.control import SERVICE_ACCOUNT, Control
from tools.cluster.crossplane import ROOT_CA, applied, apply_all_crds
from tools.cluster.kube import Document, Kube, documents

NAME = "provider-kubernetes"
CONFIG = "default"
WEBHOOK = 9443  # hard-coded there
SERVICE = re.compile(r"service:\n\s+path: (/\w+)")


@asynccontextmanager
async def provider(control: Control) -> AsyncIterator[None]:
    """The provider with the rights of an administrator, and a ProviderConfig that leads to this cluster."""
    folder = control.keys.folder / NAME
    authority = Authority(Pair.within(control.keys.folder / ROOT_CA))
    authority.issue(folder, NAME)
    await apply_all_crds(control.kube, _definitions(parts.there(parts.PROVIDER_CRDS), folder / "ca.crt"))
    await _grant(control.kube)
    kubeconfig, health = await control.account(NAME, NAMESPACE), free_port()
    environment = {"KUBECONFIG": str(kubeconfig), "TLS_SERVER_CERTS_DIR": str(folder), "POD_NAMESPACE": NAMESPACE}
    flags = ("--poll=10s", "--enable-watches", f"--health-probe-bind-addr={HOST}:{health}")
    async with control.place.running(
        parts.PROVIDER_KUBERNETES, *flags, answers=lambda: http_ok(health, "/readyz"), environment=environment
    ):
        await _configure(control.kube, kubeconfig)
        yield


def _definitions(folder: Path, authority: Path) -> list[Document]:
    """Its CRDs, with the webhook that converts between their versions where it listens."""
    trusted = base64.b64encode(authority.read_bytes()).decode()
    here = rf"url: https://{HOST}:{WEBHOOK}\1\n        caBundle: {trusted}"
    texts = [SERVICE.sub(here, file.read_text()) for file in sorted(folder.glob("*.yaml"))]
    return [definition for text in texts for definition in documents(text)]


async def _grant(kube: Kube) -> None:
    """The provider may do all; Crossplane may use its kinds, as the RBAC manager would see to for a package."""
    account = {"name": NAME, "namespace": NAMESPACE}
    group = "rbac.authorization.k8s.io"
    own: Document = {"apiVersion": SERVICE_ACCOUNT.api, "kind": SERVICE_ACCOUNT.name, "metadata": account}
    binding: Document = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": SERVICE_ACCOUNT.name, **account}],
    }
    groups = ["kubernetes.crossplane.io", "kubernetes.m.crossplane.io"]
    role: Document = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{NAME}:edit", "labels": {"rbac.crossplane.io/aggregate-to-crossplane": "true"}},
        "rules": [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}],
    }
    for document in (own, binding, role):
        await kube.apply(document)


async def _configure(kube: Kube, kubeconfig: Path) -> None:
    where = {"namespace": NAMESPACE, "name": f"{NAME}-kubeconfig"}
    value = {"kubeconfig": _text(kubeconfig)}
    await kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": where, "stringData": value})
    credentials = {"source": "Secret", "secretRef": {**where, "key": "kubeconfig"}}
    config = {
        "apiVersion": "kubernetes.crossplane.io/v1alpha1",
        "kind": "ProviderConfig",
        "metadata": {"name": CONFIG},
        "spec": {"credentials": credentials},
    }
    await applied(kube, config)


def _text(file: Path) -> str:
    return file.read_text()
