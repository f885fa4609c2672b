"""The command line: `agent-executor COMMAND`."""

import os
import sys

import click

from executor.cli import completion, contexts, dead_letters, following, jobs, operations, submitting
from executor.cli.exits import EPILOG, Exit, Stopped
from executor.cli.logged import Logged
from executor.cli.printing import in_a_line
from executor.errors import ExecutorError
from executor.variables import given


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(package_name="agent-executor", prog_name="agent-executor")
def cli() -> None:
    """Run LangGraph agents as durable jobs: CloudEvents in from NATS JetStream and HTTP, exactly one result out."""


@cli.command(cls=Logged)
def serve() -> None:
    """Run the service until SIGTERM: the worker and the HTTP API."""
    from executor.app import serve as run  # noqa: PLC0415 - the other commands need no LangGraph
    from executor.cli import running  # noqa: PLC0415
    from executor.settings import Settings  # noqa: PLC0415

    settings = Settings.read(os.environ)
    running.run(lambda: run(settings))


for command in (
    operations.migrate,
    operations.streams,
    operations.dev,
    operations.graphs,
    operations.agents,
    operations.doctor,
    submitting.submit,
    following.watch,
    jobs.jobs,
    dead_letters.dlq,
    contexts.context,
    completion.completion,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the exit status is one of Exit's, and every foreseen error one line on stderr."""
    os.environ.update(given(os.environ))  # for libraries and the image's graphs, which read it themselves
    sys.exit(_status())


def _status() -> int:
    try:
        return cli.main(prog_name=completion.PROGRAM, standalone_mode=False) or Exit.DONE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except (click.ClickException, click.Abort, ExecutorError) as error:
        text, status = _foreseen(error)
    except Exception as error:  # noqa: BLE001 - it is logged, beyond what ruff sees
        _log_bug()
        text, status = " ".join([repr(error), *getattr(error, "__notes__", ())]), Exit.FAILED
    click.echo(f"{completion.PROGRAM}: {in_a_line(text)}", err=True)
    return status


def _foreseen(error: click.ClickException | click.Abort | ExecutorError) -> tuple[str, int]:
    match error:
        case Stopped():
            return str(error), error.status
        case click.ClickException():
            return _advised(error), error.exit_code
        case click.Abort():
            return "stopped by hand", Exit.FAILED
    return str(error), Exit.FAILED


def _advised(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else completion.PROGRAM
    return f"{error.format_message().rstrip('.')} (`{command} --help` shows how)"


def _log_bug() -> None:
    import structlog  # noqa: PLC0415 - no bug, no log

    structlog.get_logger().exception("a bug")


if __name__ == "__main__":
    main()
