"""etcd, the API server and the controllers of Kubernetes: a control plane without nodes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from executor.embedded.loopback import HOST, free_port, http_ok
from tools.cluster import authority, parts
from tools.cluster.authority import Authority
from tools.cluster.kube import Access, Kind, Kube
from tools.cluster.place import Place

ADMINISTRATORS = "system:masters"
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount")
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
)


@dataclass(frozen=True)
class Keys:
    """Who signs what in this cluster."""

    folder: Path
    cluster: Authority
    front_proxy: Authority

    def access(self, url: str, name: str, group: str = "") -> Access:
        """A way in for somebody with a certificate."""
        user = self.cluster.issue(self.folder / name, name, group=group)
        return Access(url, self.cluster.pair.certificate, user)


@dataclass(frozen=True)
class Control:
    """A control plane that works, and its administrator's way in."""

    place: Place
    keys: Keys
    kube: Kube

    async def account(self, name: str, namespace: str) -> Path:
        """The kubeconfig of a ServiceAccount."""
        access = self.kube.access
        user = Access(access.url, access.authority, await self.kube.token(name, namespace))
        return user.write(self.place.within("kubeconfigs") / name)


@asynccontextmanager
async def control_plane(place: Place) -> AsyncIterator[Control]:
    """A control plane on free ports of loopback."""
    folder = place.within("pki")
    keys = Keys(
        folder,
        authority.new_authority(folder / "cluster", "cluster"),
        authority.new_authority(folder / "front-proxy", "front-proxy"),
    )
    url = f"https://{HOST}:{free_port()}"
    async with _etcd(place) as etcd, keys.access(url, "admin", ADMINISTRATORS).open() as kube:
        api = _api_flags(keys, etcd, kube)
        async with place.running(parts.APISERVER, *api, answers=kube.ready):
            manager = keys.access(url, "system:kube-controller-manager").write(place.within("kubeconfigs") / "manager")
            async with place.running(parts.CONTROLLER_MANAGER, *_manager_flags(keys, manager)) as process:
                await process.until("there is a default service account", lambda: _has_account(kube))
                place.said(f"{parts.CONTROLLER_MANAGER.name} {parts.CONTROLLER_MANAGER.version}")
                kube.access.write(place.folder / "kubeconfig")
                yield Control(place, keys, kube)


@asynccontextmanager
async def _etcd(place: Place) -> AsyncIterator[str]:
    port = free_port()
    clients, peers = f"http://{HOST}:{port}", f"http://{HOST}:{free_port()}"
    flags = {
        "name": "local",
        "data-dir": place.within("etcd"),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"local={peers}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    async with place.running(parts.ETCD, *_spelled(flags), answers=lambda: http_ok(port, "/health")):
        yield clients


def _api_flags(keys: Keys, etcd: str, kube: Kube) -> list[str]:
    hosts = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    serving = keys.cluster.issue(keys.folder / "apiserver", "kube-apiserver", hosts=hosts)
    proxy = keys.front_proxy.issue(keys.folder / "front-proxy-client", "front-proxy-client")
    accounts = _accounts_key(keys.folder)
    flags = {
        "etcd-servers": etcd,
        "bind-address": HOST,
        "advertise-address": HOST,
        "secure-port": kube.access.url.rpartition(":")[2],
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": "10.96.0.0/16",
        "authorization-mode": "RBAC",
        "profiling": "false",
        "tls-cert-file": serving.certificate,
        "tls-private-key-file": serving.key,
        "client-ca-file": keys.cluster.pair.certificate,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": accounts.with_suffix(".pub"),
        "service-account-signing-key-file": accounts,
        # For APIs that other servers answer, such as KEDA's metrics.
        "requestheader-client-ca-file": keys.front_proxy.pair.certificate,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": proxy.certificate,
        "proxy-client-key-file": proxy.key,
    }
    return _spelled(flags)


def _manager_flags(keys: Keys, kubeconfig: Path) -> list[str]:
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "service-account-private-key-file": keys.folder / "accounts.key",
        "root-ca-file": keys.cluster.pair.certificate,
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "bind-address": HOST,
        "secure-port": free_port(),
        "profiling": "false",
        "horizontal-pod-autoscaler-sync-period": "5s",
        "controllers": ",".join(CONTROLLERS),
    }
    return _spelled(flags)


def _accounts_key(folder: Path) -> Path:
    file = folder / "accounts.key"
    file.with_suffix(".pub").write_bytes(authority.public(authority.new_key(file)))
    return file


def _spelled(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


async def _has_account(kube: Kube) -> bool:
    return await kube.get(SERVICE_ACCOUNT, "default", "default") is not None
