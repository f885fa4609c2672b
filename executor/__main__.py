"""The command line: `agent-executor COMMAND`."""

import os
import sys

import click
import structlog

from executor.cli import dead_letters, jobs, operations, running
from executor.cli.doctor import doctor
from executor.environment import given
from executor.errors import ExecutorError
from executor.settings import ServiceSettings, Settings
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

    running.run(lambda: run(settings))


for command in (
    operations.migrate,
    operations.streams,
    operations.dev,
    operations.graphs,
    operations.agents,
    doctor,
    jobs.submit,
    jobs.watch,
    jobs.jobs,
    dead_letters.dlq,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; exit status 0 only on success, and every foreseen error in one line on stderr."""
    os.environ.update(given(os.environ))  # for libraries and the image's graphs, which read it themselves
    try:
        configure_logs(_log_level())
        cli.main(prog_name="agent-executor", standalone_mode=True)
    except ExecutorError as error:
        sys.exit(f"agent-executor: {error}")
    except Exception as error:
        log.exception("a bug")
        sys.exit(" ".join([f"agent-executor: {error!r}", *getattr(error, "__notes__", ())]))


def _log_level() -> str:
    """That of the settings; what is wrong with those, `doctor` finds, and nothing else is to be between its lines."""
    return "error" if sys.argv[1:2] == ["doctor"] else ServiceSettings.read(os.environ).log_level


if __name__ == "__main__":
    main()
