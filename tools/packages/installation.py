"""A real Crossplane installs the packages by the very file that a platform applies; without a node, no pod runs."""

import asyncio
from pathlib import Path
from typing import Any

from tools import toolchain
from tools.cluster import parts
from tools.cluster.chart import NAMESPACE
from tools.cluster.control import control_plane
from tools.cluster.crossplane import crossplane
from tools.cluster.kube import Kind, Kube, is_true
from tools.cluster.place import Place
from tools.packages.release import CONFIGURATIONS, FUNCTION, Document, Release
from tools.story import Story

CONFIGURATION = Kind("pkg.crossplane.io/v1", "Configuration")
FUNCTIONS = Kind("pkg.crossplane.io/v1", "Function")
DEPLOYMENT = Kind("apps/v1", "Deployment")
XRD = Kind("apiextensions.crossplane.io/v2", "CompositeResourceDefinition")
DEFINED = "agentexecutors.platform.bizmatters.io"
LIMIT = 120.0
NEWEST = parts.VERSIONS[parts.NEWEST]
NEEDED = (parts.ETCD, parts.APISERVER, parts.CONTROLLER_MANAGER, NEWEST.core, NEWEST.crds, NEWEST.templates)


async def install(story: Story, release: Release, folder: Path) -> None:
    """Apply `install-v2.yaml` of a release that lies in a registry without TLS; raises Unseen or TimeoutError."""
    await asyncio.to_thread(toolchain.prepare, NEEDED)
    [which, *_] = CONFIGURATIONS
    documents = release.install(which)
    async with (
        control_plane(Place(folder, story.line)) as control,
        crossplane(control, NEWEST, runtime="Deployment"),
    ):
        for document in documents:
            await control.kube.apply(document)
        await _installed(story, control.kube, release.installed_as(which.name))
        await _runs(story, control.kube, release.installed_as(FUNCTION), documents)


async def _installed(story: Story, kube: Kube, name: str) -> None:
    await kube.until(CONFIGURATION, name, is_true("Healthy"), limit=LIMIT)
    await kube.until(XRD, DEFINED, is_true("Established"), limit=LIMIT)
    story.check(f"Configuration {name} is Healthy, the definition Established", seen=True)


async def _runs(story: Story, kube: Kube, name: str, documents: list[Document]) -> None:
    """Whether there is one function, under the name that the Composition calls, with the pods of its configuration."""
    names = [function["metadata"]["name"] for function in await kube.every(FUNCTIONS)]
    story.check(f"its dependency is Function {name}, and there is no other", names == [name])
    function = await kube.until(FUNCTIONS, name, lambda it: it and it["status"].get("currentRevision"), limit=LIMIT)
    revision = (function or {})["status"]["currentRevision"]
    deployment = await kube.until(DEPLOYMENT, revision, bool, NAMESPACE, limit=LIMIT)
    [configured] = [it for it in documents if it["kind"] == "DeploymentRuntimeConfig"]
    wanted, made = configured["spec"]["deploymentTemplate"]["spec"], (deployment or {})["spec"]
    story.check("its Deployment is that of package/runtime.yaml", holds(made, wanted))
    package = (function or {})["spec"]["package"]
    image = made["template"]["spec"]["containers"][0]["image"]
    story.check(f"and runs the package itself: {image}", image == package)


def holds(made: Any, wanted: Any) -> bool:
    """Whether what was made has everything that was wanted, whatever else it has; lists are held entry by entry."""
    if isinstance(wanted, dict):
        return all(key in made and holds(made[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(made) >= len(wanted) and all(holds(*pair) for pair in zip(made, wanted, strict=False))
    return bool(made == wanted)
