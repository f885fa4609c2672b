"""`agent-executor dev`: the servers, a model and the service on one machine, until a signal."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import click

from contract import DEFAULT_STREAM, MIGRATE_COMMAND, STREAMS_COMMAND, Env
from executor import embedded
from executor.embedded.commands import Service, run
from executor.embedded.loopback import free_port
from executor.embedded.model import scripted
from executor.embedded.process import together

CONSUMER = "agent-executor-workers"
REPLACED = ("NATS_", "POSTGRES_", "DRAGONFLY_")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def dev(*, as_json: bool = False, data: Path | None = None) -> int:
    """Run everything until SIGINT or SIGTERM, then end it all: 0, or 1 when the service ended by itself.

    Data stay in the folder `data`, without one they are temporary. Raises NotStarted.
    """
    running = asyncio.create_task(_run(as_json=as_json, data=data))
    for each in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, running.cancel)
    await asyncio.wait([running])
    return 0 if running.cancelled() else running.result()


async def _run(*, as_json: bool, data: Path | None) -> int:
    async with embedded.servers(data) as servers, _model() as model:
        environment = {**_inherited(), **_names(), **servers.environment(), **model}
        await together(run(STREAMS_COMMAND, environment), run(MIGRATE_COMMAND, environment))
        async with Service(environment) as service:
            places = _places(servers, service)
            click.echo(json.dumps(places) if as_json else _told(places, model, data))
            status = await service.wait()
    click.echo(f"the service ended by itself with {status}", err=True)
    return 1


@asynccontextmanager
async def _model() -> AsyncIterator[dict[str, str]]:
    """The environment that leads to a model: nothing where the developer has a key, else a scripted one's."""
    if os.environ.get(Env.OPENAI_API_KEY):
        yield {}
        return
    async with scripted() as model:
        yield {Env.OPENAI_API_KEY: "scripted", Env.OPENAI_BASE_URL: model.url}


def _inherited() -> dict[str, str]:
    """Our environment without what would lead to servers elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(REPLACED)}


def _names() -> dict[str, str]:
    return {
        Env.NATS_STREAM_NAME: DEFAULT_STREAM,
        Env.NATS_CONSUMER_GROUP: CONSUMER,
        Env.PORT: os.environ.get(Env.PORT) or str(free_port()),
    }


def _places(servers: embedded.Servers, service: Service) -> dict[str, str]:
    return {
        "nats": servers.nats.url,
        "postgres": servers.postgres.url,
        "dragonfly": servers.dragonfly.url,
        "http": service.url,
    }


def _told(places: Mapping[str, str], model: Mapping[str, str], data: Path | None) -> str:
    said = {
        **places,
        "model": model.get(Env.OPENAI_BASE_URL, "OpenAI, with your key"),
        "data": str(data) if data else "temporary: --data DIR keeps them",
    }
    return "\n".join([*(f"{name:<10} {place}" for name, place in said.items()), "", "Ctrl-C ends it all."])
