"""A tenant of the cluster: a claim, its namespace, and everything that can be seen of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from contract import Env
from executor.embedded.loopback import wait_until
from tests import rig
from tests.integration.world import World, event, world
from tools.cluster import node, platform
from tools.cluster.cluster import Cluster
from tools.cluster.kube import Document, Kind, condition, gone, is_true
from tools.cluster.platform import CLAIM

DEPLOYMENT = Kind("apps/v1", "Deployment")
JOB = Kind("batch/v1", "Job")
POD = node.POD
TOLD = 100  # Crossplane may miss a change for its circuit breaker's sake, but asks the function again after a minute
IMAGE = "registry.example/team/agent-executor:v1"


@dataclass(frozen=True)
class Tenant:
    """One claim on the cluster."""

    cluster: Cluster
    claim: Document
    world: World

    @property
    def name(self) -> str:
        """The claim's name, and that of most of what it is made of."""
        return str(self.claim["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace, which nobody else has."""
        return str(self.claim["metadata"]["namespace"])

    async def apply(self, **changed: Any) -> None:
        """Apply the claim with other fields in its spec."""
        await self.cluster.kube.apply({**self.claim, "spec": self.claim["spec"] | changed}, owner="tenant")

    async def until(self, holds: Any, limit: float = TOLD) -> Document:
        """Wait until the claim is as it should be."""
        found = await self.cluster.kube.until(CLAIM, self.name, holds, self.namespace, limit=limit)
        assert found is not None
        return found

    async def ready(self, limit: float = TOLD) -> Document:
        """Wait until the claim is Ready."""
        return await self.until(is_true("Ready"), limit)

    async def seen(self) -> Document:
        """The claim as it is."""
        found = await self.cluster.kube.get(CLAIM, self.name, self.namespace)
        assert found is not None
        return found

    async def get(self, kind: Kind, name: str = "") -> Document | None:
        """Something in the namespace, by default what is named like the claim."""
        return await self.cluster.kube.get(kind, name or self.name, self.namespace)

    async def find(self, kind: Kind, holds: Any, limit: float = TOLD, name: str = "") -> Document | None:
        """Wait until something in the namespace is as it should be."""
        return await self.cluster.kube.until(kind, name or self.name, holds, self.namespace, limit=limit)

    async def every(self, kind: Kind) -> list[Document]:
        """All of a kind in the namespace."""
        return await self.cluster.kube.every(kind, self.namespace)

    async def serving(self) -> list[Document]:
        """The pods that serve, those that are about to leave too."""
        return [
            pod for pod in await self.every(POD) if is_true("Ready")(pod) and pod["spec"]["restartPolicy"] == "Always"
        ]

    async def told(self) -> list[Document]:
        """The events in the namespace."""
        return await self.every(Kind("v1", "Event"))

    async def send(self, *job_ids: str, delay: float = 0.0, words: int = 1) -> None:
        """Publish jobs whose model takes `words` times `delay` seconds over its answer."""
        for job_id in job_ids:
            await self.world.publish(event(job_id, {"say": "word " * words, "delay": delay}))


async def ask(pod: Document, path: str) -> httpx.Response:
    """A GET of the service in a pod, where the node says that it listens."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(pod["metadata"]["annotations"][node.HTTP] + path)


@asynccontextmanager
async def tenant(cluster: Cluster, **spec: Any) -> AsyncIterator[Tenant]:
    """A tenant with a database and names on the broker of its own; its claim is written, not yet applied."""
    tag = uuid.uuid4().hex[:8]
    claim = {
        "apiVersion": CLAIM.api,
        "kind": CLAIM.name,
        "metadata": {"name": f"a{tag}", "namespace": f"team-{tag}"},
        "spec": {
            "image": IMAGE,
            "natsStreamName": f"T{tag}",
            "streams": {"subjectPrefix": f"t{tag}"},
            **spec,
        },
    }
    async with _settled(cluster, claim, f"t{tag}") as settled:
        yield settled


@asynccontextmanager
async def seed(cluster: Cluster, claim: Document) -> AsyncIterator[Tenant]:
    """The tenant of a claim that is given."""
    async with _settled(cluster, claim, "postgres") as settled:
        yield settled


@asynccontextmanager
async def _settled(cluster: Cluster, claim: Document, database: str) -> AsyncIterator[Tenant]:
    servers = cluster.servers.environment()
    spec = claim["spec"]
    environment = servers | {
        Env.NATS_STREAM_NAME: spec["natsStreamName"],
        Env.NATS_CONSUMER_GROUP: spec.get("natsConsumerGroup", f"{claim['metadata']['name']}-workers"),
        Env.EXECUTOR_SUBJECT_PREFIX: spec.get("streams", {}).get("subjectPrefix", "agent"),
        Env.POSTGRES_DB: database,
    }
    async with AsyncExitStack() as stack:
        if database != servers[Env.POSTGRES_DB]:
            await stack.enter_async_context(rig.database(servers, database))
        await stack.enter_async_context(rig.streams(environment, spec["natsStreamName"]))
        await platform.welcome(cluster.kube, claim, environment)
        mine = Tenant(cluster, claim, await stack.enter_async_context(world(environment)))
        try:
            yield mine
        finally:
            await cluster.kube.delete(CLAIM, mine.name, mine.namespace)
            await mine.find(CLAIM, gone)
            await until_none_runs(mine)
            await cluster.kube.delete(Kind("v1", "Namespace"), mine.namespace)


async def until_none_runs(mine: Tenant, limit: float = TOLD) -> None:
    """Wait until the last process of a tenant has ended."""

    async def none_left() -> bool:
        return not [pod for pod in await mine.every(POD) if pod["status"]["phase"] in ("Pending", "Running")]

    await wait_until(f"no pod runs in {mine.namespace}", none_left, limit, every=0.1)


async def until(what: str, holds: Any, limit: float = TOLD) -> None:
    """Wait for anything."""

    async def held() -> bool:
        found = holds()
        return bool(await found if asyncio.iscoroutine(found) else found)

    await wait_until(what, held, limit, every=0.1)


def ids(word: str, count: int) -> Iterator[str]:
    """Ids of jobs that no other test has."""
    tag = uuid.uuid4().hex[:6]
    return (f"{word}-{tag}-{number}" for number in range(count))


def reasons(claim: Document) -> dict[str, tuple[str, str]]:
    """The claim's conditions: status and reason."""
    entries = claim.get("status", {}).get("conditions", ())
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in entries}


def says(kind: str, status: str, reason: str) -> Any:
    """Whether a claim has the condition."""

    def holds(claim: Document | None) -> bool:
        found = condition(claim, kind)
        return (found["status"], found["reason"]) == (status, reason)

    return holds
