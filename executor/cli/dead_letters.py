"""`agent-executor dlq`: the dead letters of a service, straight from NATS."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import click

from executor.broker import DeadLetter, DeadLetters, connect
from executor.settings import NatsSettings


@click.group()
def dlq() -> None:
    """Look at dead letters, replay them, drop them. Reads the NATS_* variables that the service reads."""


@dlq.command("list")
@click.option("--reason", help="Only those with this reason.")
def list_letters(reason: str | None) -> None:
    """The letters, the oldest first: place, time, reason, attempts, subject."""

    async def run() -> None:
        async for letter in _letters(reason):
            line = f"{letter.sequence:>8}  {letter.at[:19]}  {letter.reason:<20} {letter.attempts:>2}  {letter.subject}"
            click.echo(line)

    asyncio.run(run())


@dlq.command()
@click.argument("sequence", type=int)
def show(sequence: int) -> None:
    """One letter, as JSON: its headers and the original body."""

    async def run() -> None:
        async with _opened() as letters:
            letter = await letters.one(sequence)
        body = letter.body.decode("utf-8", "backslashreplace")
        click.echo(json.dumps({"headers": dict(letter.headers), "body": body}, indent=2, ensure_ascii=False))

    asyncio.run(run())


@dlq.command()
@click.argument("sequences", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All letters, or all with --reason.")
@click.option("--reason", help="With --all: only those with this reason.")
def replay(sequences: tuple[int, ...], *, everything: bool, reason: str | None) -> None:
    """Let jobs begin anew from their last checkpoint: publish the originals, then delete the letters."""
    asyncio.run(_each(sequences, reason, DeadLetters.replay, "replayed", everything=everything))


@dlq.command()
@click.argument("sequences", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All letters, or all with --reason.")
@click.option("--reason", help="With --all: only those with this reason.")
def drop(sequences: tuple[int, ...], *, everything: bool, reason: str | None) -> None:
    """Delete letters for good."""

    async def act(letters: DeadLetters, letter: DeadLetter) -> None:
        await letters.drop(letter.sequence)

    asyncio.run(_each(sequences, reason, act, "dropped", everything=everything))


async def _each(
    sequences: tuple[int, ...],
    reason: str | None,
    act: Callable[[DeadLetters, DeadLetter], Coroutine[Any, Any, None]],
    word: str,
    *,
    everything: bool,
) -> None:
    if bool(sequences) == everything:
        raise click.UsageError("name the letters by their places, or say --all")
    async with _opened() as letters:
        chosen = [await letters.one(sequence) for sequence in sequences]
        chosen += [letter async for letter in letters.all() if everything and reason in {None, letter.reason}]
        for letter in chosen:
            await act(letters, letter)
            click.echo(f"{word} {letter.sequence}")


async def _letters(reason: str | None) -> AsyncIterator[DeadLetter]:
    async with _opened() as letters:
        async for letter in letters.all():
            if reason in {None, letter.reason}:
                yield letter


@asynccontextmanager
async def _opened() -> AsyncIterator[DeadLetters]:
    async with connect(NatsSettings.read(os.environ)) as broker:
        yield DeadLetters(broker)
