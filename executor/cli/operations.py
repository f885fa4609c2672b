"""`agent-executor migrate|streams|graphs|agents|dev`: what a deployment needs beside its service, or all of it."""

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


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where the migrations lie.")
@click.option(
    "--wait", type=click.IntRange(1), default=120, show_default=True, help="Seconds to wait for the database."
)
def migrate(folder: Path | None, wait: int) -> None:
    """Bring the database up to date. Safe to run again, and in several pods at once."""
    from executor import migrate as migrations  # noqa: PLC0415 - the other commands need no LangGraph

    applied = migrations.migrate(PostgresSettings.read(os.environ), folder or migrations.default_folder(), wait)
    log.info("migrated", applied=applied)


@click.command()
def streams() -> None:
    """Create or update the NATS streams and the consumer. Safe to run again."""
    from executor.broker import connect, provision  # noqa: PLC0415 - the other commands need no NATS
    from executor.broker.layout import layout  # noqa: PLC0415

    settings = NatsSettings.read(os.environ)
    wanted = layout(settings)

    async def provision_all() -> None:
        async with connect(settings) as broker:
            await provision(broker.jetstream, wanted)

    running.run(provision_all)
    log.info("provisioned", streams=[stream.name for stream in wanted.streams], consumer=wanted.consumer.name)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the data here between runs.")
def dev(*, as_json: bool, data: Path | None) -> None:
    """Start NATS, Postgres, Valkey and the service on this machine, for a developer's day."""
    from executor.embedded.dev import dev as run  # noqa: PLC0415 - its servers are an extra

    sys.exit(asyncio.run(run(as_json=as_json, data=data)))


@click.command()
def graphs() -> None:
    """Say which graphs the image's langgraph.json brings along; exit status 1 where one cannot be had."""
    from executor.agents.graphs import doubts, open_graphs  # noqa: PLC0415 - the other commands need no LangGraph
    from executor.checkpoints.langgraph_internals import reads_back  # noqa: PLC0415

    async def tell() -> None:
        async with open_graphs(ServiceSettings.read(os.environ).graphs) as known:
            for name in known:
                click.echo(name)
            for doubt in doubts(known, reads_back):
                click.echo(f"warning: {doubt}", err=True)

    running.run(tell)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as one line of JSON.")
def agents(*, as_json: bool) -> None:
    """List the agents that jobs may ask for by name; exit status 1 where one cannot be had."""
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
