"""`agent-executor context`: the services that a person works with, by name."""

from dataclasses import replace
from pathlib import Path

import click

from executor.cli import context_file, printing
from executor.cli.context_file import Context, Contexts
from executor.cli.exits import Exit, Stopped
from executor.cli.printing import json_option


@click.group()
def context() -> None:
    """Name the services that you work with. A flag goes before the environment, that before the context in use."""


@context.command()
@click.argument("name")
@click.option("--url", help="Where the service listens.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file with the token to show there.")
@click.option("--token-command", help="A command that prints that token; run without a shell.")
@click.option("--nats-url", help="The service's NATS, for `dlq`.")
def add(name: str, url: str | None, token_file: Path | None, token_command: str | None, nats_url: str | None) -> None:
    """Write a context in place of any of that NAME. The first is in use at once."""
    if token_file and token_command:
        raise click.UsageError("--token-file and --token-command are two ways to one token: say one")
    if (token_file or token_command) and not url:
        raise click.UsageError("a token is for one service: say --url")
    file = str(token_file.expanduser().absolute()) if token_file else None
    held = context_file.read()
    known = {**held.known, name: Context(url, file, token_command, nats_url)}
    context_file.write(Contexts(held.current if held.current in known else name, known))


@context.command()
@click.argument("name")
def use(name: str) -> None:
    """Ask the service of this context from now on."""
    held = context_file.read()
    _check(held, name)
    context_file.write(replace(held, current=name))


@context.command("list")
@json_option
def list_contexts(*, as_json: bool) -> None:
    """All contexts; the one in use has a star."""
    held = context_file.read()
    if as_json:
        printing.print_json({"current": held.current, "contexts": context_file.shown(held)})
        return
    printing.print_table(
        ("", "NAME", "URL", "TOKEN", "NATS"),
        [
            ("*" if name == held.current else " ", name, one.url or "-", _token(one), one.nats_url or "-")
            for name, one in sorted(held.known.items())
        ],
    )


@context.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget a context; where it was in use, none is."""
    held = context_file.read()
    _check(held, name)
    known = {each: one for each, one in held.known.items() if each != name}
    context_file.write(Contexts(held.current if held.current in known else None, known))


def _check(held: Contexts, name: str) -> None:
    if name not in held.known:
        known = ", ".join(sorted(held.known)) or "none"
        raise Stopped(Exit.NOT_FOUND, f"no context {name!r}; there are: {known} (`agent-executor context add`)")


def _token(one: Context) -> str:
    return one.token_file or (f"`{one.token_command}`" if one.token_command else "-")
