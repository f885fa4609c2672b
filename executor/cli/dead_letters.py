"""`agent-executor dlq`: the dead letters of a service, straight from NATS."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from executor.cli.logged import Logged
from executor.cli.printing import json_option


@click.group()
def dlq() -> None:
    """Look at dead letters, replay them, drop them. Reads the NATS_* variables that the service reads."""


def of_nats(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that says where NATS is."""
    option = click.option(
        "--nats-url", envvar="NATS_URL", show_envvar=True, help="Where NATS is; else as the context says."
    )
    return option(command)


def of_letters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what chooses letters."""

    @wraps(command)
    def with_letters(sequences: tuple[int, ...], *, everything: bool, **more: Any) -> None:
        if bool(sequences) == everything:
            raise click.UsageError("name the letters by their places, or say --all")
        command(sequences=None if everything else sequences, **more)

    decorated: Callable[..., None] = with_letters
    for option in (
        json_option,
        click.option("--reason", help="With --all: only those with this reason."),
        click.option("--all", "everything", is_flag=True, help="All letters, or all with --reason."),
        click.argument("sequences", type=int, nargs=-1),
    ):
        decorated = option(decorated)
    return decorated


@dlq.command("list", cls=Logged)
@click.option("--reason", help="Only those with this reason.")
@json_option
@of_nats
def list_letters(reason: str | None, nats_url: str | None, *, as_json: bool) -> None:
    """The letters, the oldest first: place, time, reason, attempts, subject."""
    from executor.cli import letters  # noqa: PLC0415 - the other commands need no NATS

    letters.run(letters.tell_all(nats_url, reason, as_json=as_json))


@dlq.command(cls=Logged)
@click.argument("sequence", type=int)
@json_option
@of_nats
def show(sequence: int, nats_url: str | None, *, as_json: bool) -> None:  # noqa: ARG001 - it is JSON anyway
    """One letter, as JSON: its headers and the original body."""
    from executor.cli import letters  # noqa: PLC0415

    letters.run(letters.tell(nats_url, sequence))


@dlq.command(cls=Logged)
@of_letters
@of_nats
def replay(**chosen: Any) -> None:
    """Let jobs begin anew from their last checkpoint: publish the originals, then delete the letters."""
    from executor.cli import letters  # noqa: PLC0415

    letters.run(letters.replay(**chosen))


@dlq.command(cls=Logged)
@of_letters
@of_nats
def drop(**chosen: Any) -> None:
    """Delete letters for good."""
    from executor.cli import letters  # noqa: PLC0415

    letters.run(letters.drop(**chosen))
