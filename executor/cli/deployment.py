"""What the commands of a deployment do; each imports what it alone needs."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click
import structlog

from executor.cli import running
from executor.errors import Misconfigured
from executor.settings import ModelSettings, NatsSettings, PostgresSettings, ServiceSettings

log = structlog.get_logger()


def migrate(folder: Path | None, wait: int) -> None:
    """Apply the migrations of a folder, or of the image."""
    from executor import migrate as migrations  # noqa: PLC0415 - the other commands need no LangGraph

    applied = migrations.migrate(PostgresSettings.read(os.environ), folder or migrations.default_folder(), wait)
    log.info("migrated", applied=applied)


def provision_streams() -> None:
    """Make the streams and the consumer what the settings say."""
    from executor.broker import connect, provision  # noqa: PLC0415 - the other commands need no NATS
    from executor.broker.layout import layout  # noqa: PLC0415

    settings = NatsSettings.read(os.environ)
    wanted = layout(settings)

    async def provision_all() -> None:
        async with connect(settings) as broker:
            await provision(broker.jetstream, wanted)

    running.run(provision_all)
    log.info("provisioned", streams=[stream.name for stream in wanted.streams], consumer=wanted.consumer.name)


def dev(data: Path | None, *, as_json: bool) -> None:
    """Run all of it until a signal."""
    from executor.embedded.dev import dev as run  # noqa: PLC0415 - its servers are an extra

    sys.exit(asyncio.run(run(as_json=as_json, data=data)))


def tell_graphs(*, as_json: bool) -> None:
    """Print the names of the image's graphs; raises Misconfigured where one cannot be had."""
    from executor.agents.graphs import doubts, open_graphs  # noqa: PLC0415 - the other commands need no LangGraph
    from executor.checkpoints.langgraph_internals import reads_back  # noqa: PLC0415

    async def tell() -> None:
        async with open_graphs(ServiceSettings.read(os.environ).graphs) as known:
            for line in [json.dumps(list(known))] if as_json else known:
                click.echo(line)
            for doubt in doubts(known, reads_back):
                click.echo(f"warning: {doubt}", err=True)

    running.run(tell)


def tell_agents(*, as_json: bool) -> None:
    """Print all that have names; raises Misconfigured where one cannot be had."""
    from executor.agents.listing import listed, told  # noqa: PLC0415 - the other commands need no LangGraph

    settings, models = ServiceSettings.read(os.environ), ModelSettings.read(os.environ)

    async def tell() -> None:
        found = await listed(settings.agents, settings.graphs, models)
        lines = [json.dumps([asdict(agent) for agent in found])] if as_json else map(told, found)
        for line in lines:
            click.echo(line)
        if broken := [agent.name for agent in found if agent.error]:
            raise Misconfigured(f"cannot be had: {', '.join(broken)}")

    running.run(tell)
