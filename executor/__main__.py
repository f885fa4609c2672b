"""The command line: `agent-executor COMMAND`."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import click
import structlog
import uvloop

from executor.commands import dead_letters, jobs
from executor.errors import ExecutorError
from executor.settings import NatsSettings, PostgresSettings, ServiceSettings, Settings
from executor.telemetry import configure_logs

log = structlog.get_logger()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-executor", prog_name="agent-executor")
def cli() -> None:
    """Run LangGraph agents as durable jobs: CloudEvents in from NATS JetStream and HTTP, exactly one result out."""


@cli.command()
def serve() -> None:
    """Run the service until SIGTERM: the worker and the HTTP API."""
    settings = Settings.read(os.environ)

    from executor.app import serve as run  # noqa: PLC0415 - the other commands need no LangGraph

    _run(lambda: run(settings))


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where the migrations lie.")
def migrate(folder: Path | None) -> None:
    """Bring the database up to date. Safe to run again, and in several pods at once."""
    from executor import migrate as migrations  # noqa: PLC0415 - the other commands need no LangGraph

    applied = migrations.migrate(PostgresSettings.read(os.environ), folder or migrations.default_folder())
    log.info("migrated", applied=applied)


@cli.command()
def streams() -> None:
    """Create or update the NATS streams and the consumer. Safe to run again."""
    from executor.broker import connect, provision  # noqa: PLC0415 - the other commands need no NATS
    from executor.broker.layout import layout  # noqa: PLC0415

    settings = NatsSettings.read(os.environ)
    wanted = layout(settings)

    async def run() -> None:
        async with connect(settings) as broker:
            await provision(broker.jetstream, wanted)

    _run(run)
    log.info("provisioned", streams=[stream.name for stream in wanted.streams], consumer=wanted.consumer.name)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the data here between runs.")
def dev(*, as_json: bool, data: Path | None) -> None:
    """Start NATS, Postgres, Valkey and the service on this machine, for a developer's day."""
    from executor.embedded.dev import dev as run  # noqa: PLC0415 - its servers are an extra

    sys.exit(asyncio.run(run(as_json=as_json, data=data)))


@cli.command()
def graphs() -> None:
    """Say which graphs the image's langgraph.json brings along; exit status 1 where one cannot be had."""
    from executor.agents.graphs import load  # noqa: PLC0415 - the other commands need no LangGraph

    for name in load(ServiceSettings.read(os.environ).graphs):
        click.echo(name)


cli.add_command(jobs.submit)
cli.add_command(jobs.watch)
cli.add_command(jobs.jobs)
cli.add_command(dead_letters.dlq)


def main() -> None:
    """Run the command line; exit status 0 only on success, and every foreseen error in one line on stderr."""
    try:
        configure_logs(ServiceSettings.read(os.environ).log_level)
        cli.main(prog_name="agent-executor", standalone_mode=True)
    except ExecutorError as error:
        sys.exit(f"agent-executor: {error}")
    except Exception as error:
        log.exception("a bug")
        sys.exit(" ".join([f"agent-executor: {error!r}", *getattr(error, "__notes__", ())]))


def _run(program: Callable[[], Coroutine[None, None, None]]) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(program())
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup) -> BaseException:
    """The error that ended the program, out of the groups that task groups make."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


if __name__ == "__main__":
    main()
