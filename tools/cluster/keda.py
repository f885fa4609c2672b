"""KEDA's operator and its metrics server, as its own role allows."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from executor.embedded.loopback import HOST, free_port, http_ok
from tools.cluster import parts
from tools.cluster.control import SERVICE_ACCOUNT, Control
from tools.cluster.crossplane import apply_crds
from tools.cluster.kube import Document, Kind, Kube, documents, is_true

NAMESPACE = "keda"
ACCOUNT = "keda-operator"
SERVICE = "keda-metrics-apiserver"
API = "v1beta1.external.metrics.k8s.io"
API_SERVICE = Kind("apiregistration.k8s.io/v1", "APIService")
RBAC = "rbac.authorization.k8s.io"


@asynccontextmanager
async def keda(control: Control, proxy: str) -> AsyncIterator[None]:
    """KEDA, once it scales; it asks brokers through the proxy, which knows in-cluster names."""
    await _install(control.kube)
    kubeconfig = await control.account(ACCOUNT, NAMESPACE)
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "WATCH_NAMESPACE": "",
        "POD_NAMESPACE": NAMESPACE,
        "POD_NAME": ACCOUNT,
        "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        "HTTP_PROXY": proxy,
    }
    hosts = (f"{ACCOUNT}.{NAMESPACE}.svc", f"{SERVICE}.{NAMESPACE}.svc")
    folder = control.keys.folder / NAMESPACE
    served = control.keys.cluster.issue(folder, ACCOUNT, hosts=hosts)
    health, metrics, port = (free_port() for _ in range(3))
    operator = [
        *(f"--cert-dir={folder}", "--enable-webhook-patching=false", "--enable-apiservice-patching=false"),
        *(f"--metrics-bind-address={HOST}:{free_port()}", f"--health-probe-bind-address={HOST}:{health}"),
        f"--metrics-service-bind-address={HOST}:{metrics}",
    ]
    adapter = [
        *(f"--secure-port={port}", f"--bind-address={HOST}", f"--cert-dir={folder}", "--port=0"),
        *(f"--tls-cert-file={served.certificate}", f"--tls-private-key-file={served.key}"),
        *(f"--metrics-service-address=localhost:{metrics}", f"--client-ca-file={folder}/ca.crt"),
        *(f"--{user}-kubeconfig={kubeconfig}" for user in ("lister", "authentication", "authorization")),
        *("--logtostderr=true", "--stderrthreshold=ERROR", "--v=0"),
    ]
    running = control.place.running
    async with running(
        parts.KEDA_OPERATOR, *operator, answers=lambda: http_ok(health, "/readyz"), environment=environment
    ):
        await _announce(control, port)
        async with running(
            parts.KEDA_ADAPTER, *adapter, answers=lambda: _is_served(control.kube), environment=environment
        ):
            yield


async def _install(kube: Kube) -> None:
    await apply_crds(kube, parts.there(parts.KEDA_CRDS))
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    account = {"name": ACCOUNT, "namespace": NAMESPACE}
    await kube.apply({"apiVersion": SERVICE_ACCOUNT.api, "kind": SERVICE_ACCOUNT.name, "metadata": account})
    roles = (parts.there(parts.KEDA_ROLES) / "role.yaml").read_text()
    for role in documents(roles):
        await kube.apply(role)
    own = {"kind": SERVICE_ACCOUNT.name, **account}
    autoscaler = {"kind": SERVICE_ACCOUNT.name, "name": "horizontal-pod-autoscaler", "namespace": "kube-system"}
    reader = "keda-external-metrics-reader"
    rules = [{"apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    metadata = {"name": reader}
    await kube.apply({"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules})
    for binding in (
        _binding(ACCOUNT, "ClusterRole", ACCOUNT, own),
        _binding(ACCOUNT, "Role", ACCOUNT, own, NAMESPACE),
        _binding("keda-delegator", "ClusterRole", "system:auth-delegator", own),
        _binding("keda-reader", "Role", "extension-apiserver-authentication-reader", own, "kube-system"),
        _binding(reader, "ClusterRole", reader, autoscaler),
    ):
        await kube.apply(binding)


def _binding(name: str, kind: str, role: str, subject: Document, namespace: str = "") -> Document:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [subject],
    }


async def _announce(control: Control, port: int) -> None:
    """Tell the API server who has external metrics: a Service that is a name it can resolve, localhost."""
    metadata = {"name": SERVICE, "namespace": NAMESPACE}
    spec: Document = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    await control.kube.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    authority = base64.b64encode(control.keys.cluster.pair.certificate.read_bytes()).decode()
    version = {"group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100}
    spec = {**version, "versionPriority": 100, "service": {**metadata, "port": port}, "caBundle": authority}
    announced = {"apiVersion": API_SERVICE.api, "kind": API_SERVICE.name, "metadata": {"name": API}, "spec": spec}
    await control.kube.apply(announced)


async def _is_served(kube: Kube) -> bool:
    return is_true("Available")(await kube.get(API_SERVICE, API))
