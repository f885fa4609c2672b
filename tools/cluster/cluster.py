"""The whole of it, in the order in which it starts; it ends in the reverse."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from executor import embedded
from executor.embedded import Servers
from executor.embedded.model import Model, scripted
from tools.cluster import names, parts, platform
from tools.cluster.control import Control, control_plane
from tools.cluster.crossplane import CRD, crossplane
from tools.cluster.functions import Function, function
from tools.cluster.keda import keda
from tools.cluster.kube import Kube, gone, together
from tools.cluster.node import Node, node
from tools.cluster.place import Place
from tools.cluster.provider import provider

SCALED_OBJECTS = "scaledobjects.keda.sh"


class Keda:
    """KEDA, to be installed and removed again."""

    def __init__(self, control: Control, proxy: str) -> None:
        self._control = control
        self._proxy = proxy
        self._running = AsyncExitStack()
        self._installed = False

    async def install(self) -> None:
        """Install it, if it is not."""
        if not self._installed:
            await self._running.enter_async_context(keda(self._control, self._proxy))
            self._installed = True

    async def remove(self) -> None:
        """Remove it, its definitions first, so that it lets its objects go; then its programs."""
        if self._installed:
            await self._control.kube.delete(CRD, SCALED_OBJECTS)
            await self._control.kube.until(CRD, SCALED_OBJECTS, gone)
        await self.stop()

    async def stop(self) -> None:
        """Stop its programs."""
        await self._running.aclose()
        self._installed = False


@dataclass(frozen=True)
class Cluster:
    """A control plane with everything on it that a claim needs."""

    control: Control
    version: parts.Crossplane
    servers: Servers
    model: Model
    node: Node
    function: Function
    keda: Keda

    @property
    def kube(self) -> Kube:
        """Its administrator's client."""
        return self.control.kube

    @property
    def kubeconfig(self) -> Path:
        """Its administrator's kubeconfig."""
        return self.control.place.folder / "kubeconfig"

    async def reload(self) -> None:
        """Take the roles, the XRD, the Composition and the function of the checkout as they are now."""
        await together(self.function.restart(), self.install())

    async def install(self) -> None:
        """Apply what a platform team applies."""
        await platform.install(self.kube, legacy=self.version.legacy)


@asynccontextmanager
async def cluster(
    folder: Path, tell: Callable[[str], object], version: parts.Crossplane = parts.VERSIONS[parts.NEWEST]
) -> AsyncIterator[Cluster]:
    """A cluster without KEDA, ready for claims; with Crossplane v1 provider-kubernetes is there, too."""
    place = Place(folder, tell)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        servers = await enter(embedded.servers(place.within("servers")))
        place.said("NATS, PostgreSQL, Valkey")
        control = await enter(control_plane(place))
        model, here = await enter(scripted()), names.of(servers)
        keda = Keda(control, await enter(names.proxy(here)))
        stack.push_async_callback(keda.stop)
        await enter(crossplane(control, version))
        if version.legacy:
            await enter(provider(control))
        running = await enter(function(control, version))
        agent = await enter(node(control.kube, place, here, model.url))
        whole = Cluster(control, version, servers, model, agent, running, keda)
        await whole.install()
        yield whole
