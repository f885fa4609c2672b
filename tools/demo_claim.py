"""The demo's first chapter: the composition function, as its own process, answers the claim."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from executor.embedded.loopback import HOST, free_port, listens
from executor.embedded.process import Process
from tools import direct, rendering, toolchain
from tools.rendering import ROOT, Document
from tools.story import Story

CLAIM = ROOT / "examples/claim.yaml"
FUNCTION = Path(sys.executable).with_name("function-agent-executor")


async def compose(story: Story, folder: Path) -> dict[str, Document]:
    """The claim and its composed resources, by kind."""
    async with function(folder / "function.log") as address:
        story.line(f"function-agent-executor on {address}, gRPC")
        documents = await asyncio.to_thread(_render, story, address)
    resources = {document["kind"]: document for document in documents}
    story.tree(_name(documents[0]), [_described(resources[kind]) for kind in DETAILS if kind in resources])
    story.check("every step of the claim is composed", set(DETAILS) <= set(resources))
    story.check("the claim is Ready once they are", "Ready" in _true_conditions(documents[0]))
    return resources


@asynccontextmanager
async def function(log: Path) -> AsyncIterator[str]:
    """The function on a free port: its address."""
    port = free_port()
    address = f"{HOST}:{port}"
    async with Process([str(FUNCTION), "--insecure", "--address", address], log=log) as process:
        await process.until(f"the function listens on {address}", lambda: listens(port))
        yield address


def pod_containers(resource: Document) -> list[Document]:
    """The containers of a Job's or a Deployment's pods, in the order in which they start."""
    pod = resource["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def _render(story: Story, address: str) -> list[Document]:
    """Call the function until nothing changes, each composed resource taken as ready in the next call."""
    if toolchain.ready():
        story.line(f"crossplane composition render {CLAIM.relative_to(ROOT)}")
        return rendering.grow(CLAIM, address)
    story.line("the crossplane CLI is not built yet (`make setup` does that): the claim goes straight over gRPC")
    return direct.grow(CLAIM, address)


def _name(document: Document) -> str:
    metadata = document["metadata"]
    return f"{document['kind']} {metadata['namespace']}/{metadata['name']}"


def _described(document: Document) -> str:
    detail = DETAILS[document["kind"]](document)
    return f"{document['kind']:<20} {document['metadata']['name']:<32} {detail}"


def _true_conditions(document: Document) -> Iterator[str]:
    return (each["type"] for each in document["status"]["conditions"] if each["status"] == "True")


def _commands(resource: Document) -> str:
    return ", then ".join(" ".join(container["command"]) for container in pod_containers(resource))


def _port(service: Document) -> str:
    return f"port {service['spec']['ports'][0]['port']:.0f}"


def _range(scaler: Document) -> str:
    spec = scaler["spec"]
    return f"{spec['minReplicaCount']:.0f} to {spec['maxReplicaCount']:.0f} replicas, by the jobs that wait"


def _alerts(rule: Document) -> str:
    return f"{sum(len(group['rules']) for group in rule['spec']['groups'])} alerts"


def _nothing(_: Any) -> str:
    return ""


DETAILS: dict[str, Callable[[Document], str]] = {
    "ServiceAccount": _nothing,
    "Job": _commands,
    "Deployment": _commands,
    "Service": _port,
    "ScaledObject": _range,
    "NetworkPolicy": _nothing,
    "PodDisruptionBudget": _nothing,
    "PodMonitor": _nothing,
    "PrometheusRule": _alerts,
}
