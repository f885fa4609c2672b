"""The main job on real input: a claim becomes resources, what they run is run here, a message becomes a result.

Needs no account, no key and no Docker, and exits 0 only if all of it was seen.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from contract import READY_PATH, Env
from executor import embedded
from executor.embedded import Servers
from executor.embedded.loopback import HOST, free_port, http_ok, listens
from executor.embedded.model import Model, scripted
from executor.embedded.process import Process
from tools import containers, demo_job
from tools.containers import Container, Locally
from tools.demo_claim import compose, pod_containers
from tools.demo_job import Job
from tools.rendering import Document
from tools.story import Story

LIMIT = 120.0
INTERRUPTED = 130


async def demo(story: Story, folder: Path, *, keep: bool) -> None:
    """Tell all of it, with data and logs in `folder`; raises whatever keeps it from going on."""
    async with asyncio.timeout(LIMIT) as deadline:
        story.chapter("A claim becomes resources")
        resources = await compose(story, folder)
        story.chapter("The servers: real ones, on loopback")
        async with embedded.servers(folder) as servers, scripted() as model:
            show_servers(story, servers, model)
            locally = stand_in(resources["AgentExecutor"]["spec"], servers, model)
            story.chapter("What the claim renders is what runs")
            service = await provision(story, folder, resources, locally)
            async with process(service, folder) as running:
                await await_ready(story, running, service)
                story.chapter("A message becomes a result")
                await demo_job.tell(story, servers, Job(f"demo-{uuid.uuid4().hex[:8]}"))
                if keep:
                    deadline.reschedule(None)
                    await stay(story, servers, model, service)
                story.chapter("The end")
                story.check("on SIGTERM the service drained and ended with 0", await running.stop() == 0)
        ports = (servers.nats.port, servers.postgres.port, servers.dragonfly.port, int(service.environment[Env.PORT]))
        story.check("nobody listens any more", not any([await listens(port) for port in ports]))


def show_servers(story: Story, servers: Servers, model: Model) -> None:
    """Where they are."""
    story.line(f"NATS          {HOST}:{servers.nats.port}, JetStream on disk, every write synced")
    story.line(f"PostgreSQL    {HOST}:{servers.postgres.port}")
    story.line(f"Valkey        {HOST}:{servers.dragonfly.port}, in Dragonfly's place")
    story.line(f"a model       {model.url}, OpenAI's protocol, its replies scripted by the prompts")


def stand_in(claim: Document, servers: Servers, model: Model) -> Locally:
    """What stands here for the cluster: the secrets that the claim names, the addresses that it leads to."""
    environment = servers.environment()
    secrets: dict[str, Mapping[str, str]] = {
        claim["postgresConnectionSecret"]: environment,
        claim["dragonflyConnectionSecret"]: environment,
        claim["llmKeysSecret"]: {Env.OPENAI_API_KEY: "scripted"},
    }
    return Locally(
        secrets,
        replaced={Env.NATS_URL: servers.nats.url, Env.PORT: str(free_port())},
        beside={Env.OPENAI_API_KEY: {Env.OPENAI_BASE_URL: model.url}},
    )


async def provision(story: Story, folder: Path, resources: Mapping[str, Document], locally: Locally) -> Container:
    """Run the Job and the init container to their ends; the Deployment's own container is left to run."""
    specs = [*pod_containers(resources["Job"]), *pod_containers(resources["Deployment"])]
    *before, service = (containers.read(spec, locally) for spec in specs)
    for container in before:
        show(story, container)
        status = await process(container, folder).run()
        story.check(f"it ended with {status}", status == 0)
    show(story, service)
    return service


def show(story: Story, container: Container) -> None:
    """The command, and what is not as rendered."""
    story.line(f"{container.line}   ({'; '.join(container.changes)})")


def process(container: Container, folder: Path) -> Process:
    """The container as a process, with what it prints in a file of its name."""
    return Process(container.command, environment=container.environment, log=folder / f"{container.name}.log")


async def await_ready(story: Story, running: Process, service: Container) -> None:
    """Wait until the readiness probe would succeed."""
    port = int(service.environment[Env.PORT])
    await running.until(f"GET {READY_PATH} is 200", lambda: http_ok(port, READY_PATH))
    story.check(f"it is ready: GET http://{HOST}:{port}{READY_PATH} is 200", seen=True)


async def stay(story: Story, servers: Servers, model: Model, service: Container) -> None:
    """Print where everything is, and wait for SIGINT or SIGTERM."""
    story.chapter("It stays up until Ctrl-C")
    story.line(f"nats       {servers.nats.url}")
    story.line(f"postgres   {servers.postgres.url}")
    story.line(f"dragonfly  {servers.dragonfly.url}")
    story.line(f"model      {model.url}")
    story.line(f"http       http://{HOST}:{service.environment[Env.PORT]}")
    stop = asyncio.Event()
    _on_signals(stop.set)
    await stop.wait()


def show_logs(story: Story, folder: Path) -> None:
    """The last lines of everything that printed something."""
    for log in sorted([*folder.glob("*.log"), *folder.glob("*/log")]):
        story.line(f"--- {log.relative_to(folder)}")
        for line in log.read_text(errors="replace").splitlines()[-15:]:
            story.line(line[:400])


async def run(*, keep: bool) -> int:
    """Tell the story in a folder of its own; the exit status."""
    story, began = Story(), time.monotonic()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in one
    _on_signals(task.cancel)
    with tempfile.TemporaryDirectory(prefix="agent-executor-demo-") as folder:
        try:
            await demo(story, Path(folder), keep=keep)
        except asyncio.CancelledError:
            story.failed("interrupted")
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 - whatever it is, the logs say more
            story.failed(f"{type(error).__name__}: {error}")
            show_logs(story, Path(folder))
            return 1
    story.line(f"All of it was seen, in {time.monotonic() - began:.1f} s, and nothing is left behind.")
    return 0


def _on_signals(do: Callable[[], object]) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, do)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="stay up after the job until Ctrl-C, with addresses")
    return asyncio.run(run(keep=parser.parse_args().keep))


if __name__ == "__main__":
    sys.exit(main())
