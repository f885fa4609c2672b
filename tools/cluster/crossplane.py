"""Crossplane itself, with its RBAC manager, as the chart's ServiceAccounts; packages are run by us."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from executor.embedded.loopback import free_port, http_ok, wait_until
from executor.embedded.process import NotStarted
from tools.cluster import chart, parts
from tools.cluster.chart import NAMESPACE
from tools.cluster.control import SERVICE_ACCOUNT, Control
from tools.cluster.kube import Document, Kind, Kube, Refused, documents, is_true, together
from tools.cluster.parts import Crossplane

CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole")
SECRET = Kind("v1", "Secret")
CORE = "crossplane"
RBAC_MANAGER = "rbac-manager"
ROOT_CA, CLIENT = "crossplane-root-ca", "crossplane-tls-client"
TRIES = 10


@asynccontextmanager
async def crossplane(control: Control, version: Crossplane, runtime: str = "External") -> AsyncIterator[None]:
    """Crossplane, once it works; what functions need to trust it lies in pki/crossplane-*.

    With the runtime `Deployment` it makes Deployments of the packages that it installs, as on any cluster.
    """
    kube, place = control.kube, control.place
    await _grant(kube, version)
    kubeconfigs = [await control.account(name, NAMESPACE) for name in (CORE, RBAC_MANAGER)]
    core, manager = ({"KUBECONFIG": str(file), "POD_NAMESPACE": NAMESPACE} for file in kubeconfigs)
    await _initialise(control, version, core)
    for secret in (ROOT_CA, CLIENT):
        await _keep(kube, secret, place.within("pki", secret))
    health = free_port()
    flags = [
        *_flags(version, place.within("pki", CLIENT), place.within("xpkg"), health),
        f"--package-runtime={runtime}",
    ]
    answers = None if version.flags_of_old else lambda: http_ok(health, "/readyz")
    rbac = ("rbac", "start", f"--provider-clusterrole={CORE}:allowed-provider-permissions")
    async with (
        place.running(version.core, *flags, answers=answers, environment=core),
        place.running(version.core, *rbac, environment=manager, name=RBAC_MANAGER),
    ):
        yield


async def apply_crds(kube: Kube, folder: Path) -> None:
    """Apply every CustomResourceDefinition of a folder, and wait until they are served."""
    await apply_all_crds(kube, definitions(folder))


def definitions(folder: Path) -> list[Document]:
    """The documents in a folder's files."""
    return [document for file in sorted(folder.glob("*.yaml")) for document in documents(file.read_text())]


async def apply_all_crds(kube: Kube, wanted: list[Document]) -> None:
    """Apply CustomResourceDefinitions, and wait until they are served."""
    await together(*(kube.apply(definition) for definition in wanted))
    await together(*(kube.until(CRD, definition["metadata"]["name"], is_true("Established")) for definition in wanted))


async def _grant(kube: Kube, version: Crossplane) -> None:
    """The chart's ServiceAccounts and roles, until the role that is aggregated is filled."""
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for name in (CORE, RBAC_MANAGER):
        metadata = {"name": name, "namespace": NAMESPACE}
        await kube.apply({"apiVersion": SERVICE_ACCOUNT.api, "kind": SERVICE_ACCOUNT.name, "metadata": metadata})
    templates = parts.there(version.templates)
    await together(*(kube.apply(role) for role in chart.roles(templates)))
    await kube.until(ROLE, CORE, lambda role: role and role.get("rules"))


async def _initialise(control: Control, version: Crossplane, environment: dict[str, str]) -> None:
    """`core init`, again where the API server does not know its own new kinds yet: a pod would be restarted.

    Version 1 has its folder of definitions hard-coded: it makes its Secrets before it misses that, the rest is ours.
    """
    crds = parts.there(version.crds)
    if version.legacy:
        await apply_crds(control.kube, crds)
    init = {"CRDS_PATH": str(crds), "ENABLE_WEBHOOKS": "false", "WEBHOOK_ENABLED": "false"}
    secrets = {
        "TLS_CA_SECRET_NAME": ROOT_CA,
        "TLS_CLIENT_SECRET_NAME": CLIENT,
        "TLS_SERVER_SECRET_NAME": "crossplane-tls-server",
    }
    argv: list[str | Path] = [parts.there(version.core), "core", "init"]
    process = control.place.process("crossplane-init", argv, {**environment, **init, **secrets})
    for _ in range(TRIES):
        if await process.run() == 0 or (version.legacy and "lstat /crds" in process.tail()):
            break
    else:
        raise NotStarted(f"crossplane core init failed: {process.tail()}")
    if version.legacy:
        await _finish_initialising(control.kube)
    control.place.said("crossplane core init")


async def _finish_initialising(kube: Kube) -> None:
    """What version 1 does after it has read its folder of definitions."""
    for api, kind, name in (
        ("pkg.crossplane.io/v1beta1", "Lock", "lock"),
        ("pkg.crossplane.io/v1beta1", "DeploymentRuntimeConfig", "default"),
    ):
        await kube.apply({"apiVersion": api, "kind": kind, "metadata": {"name": name}})


async def _keep(kube: Kube, name: str, folder: Path) -> None:
    """Write a Secret's values to files."""
    secret = await kube.get(SECRET, name, NAMESPACE)
    for key, value in (secret or {}).get("data", {}).items():
        file = folder / key
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(value))


def _flags(version: Crossplane, client: Path, packages: Path, health: int) -> list[str]:
    """Nothing of 2 and 1.20 that listens can be kept to loopback; 1.16 has not even a choice of port, but of ours."""
    common = ["core", "start", f"--tls-client-certs-dir={client}", f"--tls-server-certs-dir={client}"]
    if version.flags_of_old:
        return [*common, "--webhook-enabled=false", f"--cache-dir={packages}"]
    ports = [f"--health-probe-port={health}", f"--metrics-port={free_port()}"]
    return [*common, "--enable-webhooks=false", f"--xpkg-cache-dir={packages}", *ports]


async def applied(kube: Kube, document: Document, limit: float = 30) -> None:
    """Apply what the server may not know yet: its kind was defined a moment ago."""

    async def is_applied() -> bool:
        with suppress(Refused):
            await kube.apply(document)
            return True
        return False

    await wait_until(f"{document['kind']} {document['metadata']['name']} is taken", is_applied, limit, every=0.1)
