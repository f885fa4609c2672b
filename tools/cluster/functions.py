"""The composition function on this machine, registered as a package manager would have done it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from executor.embedded.loopback import HOST, free_port, listens
from executor.embedded.process import Ends, Process
from tools.cluster.authority import Authority, Pair
from tools.cluster.control import Control
from tools.cluster.crossplane import ROOT_CA, applied
from tools.cluster.kube import Kind
from tools.cluster.parts import Crossplane

NAME = "function-agent-executor"
COMMAND = Path(sys.executable).with_name(NAME)
PACKAGE = f"registry.example/local/{NAME}:v0"  # never fetched: the package manager is told to leave it alone
REVISION = f"{NAME}-local"


@dataclass(frozen=True)
class Function:
    """The function's process, which talks to nobody but Crossplane."""

    process: Process
    port: int

    async def start(self) -> None:
        """Start it, and return when it listens."""
        await self.process.start()
        await self.process.until(f"{NAME} listens", lambda: listens(self.port))

    async def stop(self) -> None:
        """Stop it."""
        await self.process.stop()

    async def restart(self) -> None:
        """Run what the checkout has now."""
        await self.stop()
        await self.start()


@asynccontextmanager
async def function(control: Control, version: Crossplane) -> AsyncIterator[Function]:
    """The function over mutual TLS, with a certificate of the authority that Crossplane trusts."""
    pki, port = control.place.within("pki"), free_port()
    Authority(Pair.within(pki / ROOT_CA)).issue(pki / NAME, NAME, hosts=(NAME,))
    argv: list[str | Path] = [COMMAND, "--address", f"{HOST}:{port}", "--tls-certs-dir", pki / NAME]
    running = Function(control.place.process(NAME, argv, ends=Ends()), port)
    try:
        await running.start()
        await _register(control, version, f"dns:///{HOST}:{port}")
        control.place.said(f"{NAME} on {HOST}:{port}, mutual TLS")
        yield running
    finally:
        await running.process.kill()


async def _register(control: Control, version: Crossplane, endpoint: str) -> None:
    """A Function and its revision as after an installation; paused, so that nobody looks for the image."""
    paused = {"crossplane.io/paused": "true"}
    kind = Kind(version.packages, "FunctionRevision")
    installed = {
        "apiVersion": version.packages,
        "kind": "Function",
        "metadata": {"name": NAME, "annotations": paused},
        "spec": {"package": PACKAGE},
    }
    labels = {"pkg.crossplane.io/package": NAME}
    revision = {
        "apiVersion": kind.api,
        "kind": kind.name,
        "metadata": {"name": REVISION, "annotations": paused, "labels": labels},
        "spec": {"image": PACKAGE, "desiredState": "Active", "revision": 1},
    }
    for document in (installed, revision):
        await applied(control.kube, document)
    said = {"endpoint": endpoint} | ({} if version.legacy else {"capabilities": ["composition"]})
    await control.kube.patch(kind, REVISION, {"status": said}, within="status")
