"""Which service a command asks, and the token that it shows there."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from executor.cli import context_file
from executor.errors import ExecutorError

if TYPE_CHECKING:
    from executor.cli.asking import Asking

DEFAULT_URL = "http://127.0.0.1:8080"
COMMAND_SECONDS = 60.0
OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.option(
        "--url",
        envvar="EXECUTOR_URL",
        show_envvar=True,
        help=f"Where the service listens; else as the context says, or {DEFAULT_URL}.",
    ),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        envvar="EXECUTOR_TOKEN_FILE",
        show_envvar=True,
        help="A file with the token to show, where the service asks for one.",
    ),
    click.option(
        "--token-command",
        envvar="EXECUTOR_TOKEN_COMMAND",
        show_envvar=True,
        help="A command that prints the token to show; run again where that is refused.",
    ),
)


@dataclass(frozen=True)
class Service:
    """Where the service is, and where the token comes from that it is shown, if it asks for one."""

    url: str
    token_file: Path | None = None
    token_command: str | None = None

    def token(self) -> str | None:
        """The token as it is now; raises ExecutorError where it cannot be had."""
        if self.token_file is not None:
            return _one_word(_read(self.token_file), str(self.token_file))
        if self.token_command is not None:
            return _one_word(_printed(self.token_command), f"what `{self.token_command}` prints")
        return None

    def asked(self, patience: float = 30.0) -> "Asking":
        """A client of it that waits so many seconds for each answer."""
        from executor.cli.asking import Asking  # noqa: PLC0415 - help and completion need no HTTP

        return Asking(self, patience)


def of_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which service it asks."""

    @wraps(command)
    def with_service(
        *given: Any, url: str | None, token_file: Path | None, token_command: str | None, **more: Any
    ) -> None:
        command(*given, service=_chosen(url, token_file, token_command), **more)

    return reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), with_service)


def _chosen(url: str | None, token_file: Path | None, token_command: str | None) -> Service:
    """A flag before the environment before the context, whose token is for its own URL alone."""
    context = context_file.read().in_use
    file, command = _said(token_file, token_command)
    if url in {None, context.url} and file is None and command is None:
        file, command = Path(context.token_file) if context.token_file else None, context.token_command
    return Service(url or context.url or DEFAULT_URL, file, command)


def _said(token_file: Path | None, token_command: str | None) -> tuple[Path | None, str | None]:
    source = click.get_current_context().get_parameter_source
    if source("token_file") is source("token_command") and token_file and token_command:
        raise click.UsageError("--token-file and --token-command are two ways to one token: say one")
    if source("token_command") is ParameterSource.COMMANDLINE:
        return None, token_command
    return token_file, None if token_file else token_command


def _read(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="ascii")
    except (OSError, ValueError, RuntimeError) as error:
        raise ExecutorError(f"{file} cannot be read: {type(error).__name__}; --token-file names another") from None


def _printed(command: str) -> str:
    """What a command prints, without a shell; what it says on stderr is the person's to see."""
    import subprocess  # noqa: PLC0415 - it takes as long as click's half

    try:
        done = subprocess.run(  # noqa: S603 - the person's own
            shlex.split(command), stdout=subprocess.PIPE, check=True, timeout=COMMAND_SECONDS, encoding="ascii"
        )
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise ExecutorError(f"`{command}` gives no token: {error}; run it by hand to see why") from None
    return done.stdout


def _one_word(text: str, what: str) -> str:
    words = text.split()
    if len(words) != 1:
        raise ExecutorError(f"{what} holds no token: one word is wanted, it has {len(words)}")
    return words[0]
