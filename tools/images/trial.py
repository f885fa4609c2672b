"""Runs the images: what the function's renders of a claim is what the executor's runs, and a job goes through it.

This is the demo once more, with every process of ours out of an image: under the pod's user, its root read-only.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2

from contract import HEALTH_PATH, READY_PATH, Env
from executor import embedded
from executor.embedded.loopback import HOST, free_port, http_ok
from executor.embedded.model import scripted
from function.composition.resources.pod import USER
from tools import containers, demo, demo_job, direct
from tools.containers import Locally
from tools.demo_claim import CLAIM, pod_containers
from tools.images.containers import Container, Image, Start
from tools.rendering import Document
from tools.story import Story

HEALTH, REQUEST, ANSWER = "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
CROSSPLANES_USER = "2000:2000"


@dataclass(frozen=True)
class Trial:
    """The two images, and the folder for what their containers say."""

    story: Story
    function: Image
    executor: Image
    folder: Path

    async def run(self) -> dict[str, Start]:
        """Run both; how each started. Raises Unseen or NotStarted."""
        self.story.chapter("The function's image answers a claim")
        await self._as_crossplane_runs_it()
        async with serving(self.function, self.folder) as (address, of_function):
            self.story.check(f"under its own user it is healthy: gRPC on {address}", seen=True)
            rendered = direct.grow(CLAIM, address)
        resources = {document["kind"]: document for document in rendered}
        self.story.check(f"it composed {len(resources) - 1} kinds", "Deployment" in resources)
        self.story.chapter("The executor's image runs what was composed")
        return {"function": of_function, "executor": await self._execute(resources)}

    async def _as_crossplane_runs_it(self) -> None:
        async with serving(replace(self.function, user=CROSSPLANES_USER), self.folder):
            self.story.check("as Crossplane runs it by default, as user 2000, it is healthy", seen=True)

    async def _execute(self, resources: Mapping[str, Document]) -> Start:
        async with embedded.servers(self.folder / "servers") as servers, scripted() as model:
            locally = demo.stand_in(resources["AgentExecutor"]["spec"], servers, model)
            *before, serve = (*pod_containers(resources["Job"]), *pod_containers(resources["Deployment"]))
            for spec in before:
                status = await self._container(spec, locally).run()
                self.story.check(f"{' '.join(spec['command'])} ended with {status}", status == 0)
            async with self._container(serve, locally) as service:
                return await self._job(service, servers, int(locally.replaced[Env.PORT]))

    async def _job(self, service: Container, servers: embedded.Servers, port: int) -> Start:
        start = await service.ready(f"{READY_PATH} is 200", lambda: http_ok(port, READY_PATH))
        self.story.check(f"{HEALTH_PATH} and {READY_PATH} are 200", await http_ok(port, HEALTH_PATH))
        await demo_job.tell(self.story, servers, demo_job.Job("from-the-image"))
        self.story.check("on SIGTERM it drained and ended with 0", await service.stop() == 0)
        return start

    def _container(self, spec: Document, locally: Locally) -> Container:
        """The container of a pod's spec as the kubelet would start it: its command, its variables, the pod's user."""
        container = containers.read(spec, locally)
        environment = {name: value for name, value in container.environment.items() if name != "PATH"}
        image = replace(self.executor, user=f"{USER}:{USER}", scratch=True)
        return Container(image, container.command, environment, log=self._log(container.name), whole=True)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@asynccontextmanager
async def serving(image: Image, folder: Path) -> AsyncIterator[tuple[str, Start]]:
    """The function's image on a free port: its address, and how it started."""
    address, health = (f"{HOST}:{free_port()}" for _ in range(2))
    arguments = ["--insecure", "--address", address, "--health-address", health]
    async with Container(image, arguments, {}, log=folder / "function.log") as container:
        yield address, await container.ready("it is healthy", lambda: is_serving(health))


async def is_serving(address: str) -> bool:
    """Whether the gRPC health service there says so."""
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            answer = await channel.unary_unary(HEALTH, REQUEST.SerializeToString, ANSWER.FromString)(
                REQUEST(), timeout=1
            )
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == ANSWER.SERVING)
