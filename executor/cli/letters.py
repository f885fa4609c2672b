"""The dead letters that `agent-executor dlq` is about, and what it does to them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import click

from contract import DEFAULT_STREAM, Env
from executor.broker import DeadLetter, DeadLetters, NoSuchLetter, connect
from executor.cli import context_file, printing
from executor.cli.exits import Exit, Stopped
from executor.cli.progress import progress
from executor.errors import TryAgain
from executor.settings import NatsSettings

CONNECT_SECONDS = 10.0
COLUMNS = ("PLACE", "TIME", "REASON", "TRIES", "SUBJECT")
CONSUMER = "agent-executor-dlq"  # what NATS shows this client as, where no consumer is named


def run(what: Coroutine[Any, Any, None]) -> None:
    """Do what is one of those below."""
    asyncio.run(what)


async def tell_all(nats_url: str | None, reason: str | None, *, as_json: bool) -> None:
    """Those with this reason, or all."""
    async with _opened(nats_url) as letters:
        found = [_about(letter) async for letter in letters.all() if reason in {None, letter.reason}]
    if as_json:
        printing.print_json(found)
    else:
        printing.print_table(COLUMNS, [(each["sequence"], each["at"][:19], *list(each.values())[2:]) for each in found])


async def tell(nats_url: str | None, sequence: int) -> None:
    """One letter whole."""
    async with _opened(nats_url) as letters:
        letter = await _one(letters, sequence)
    printing.print_json({"headers": dict(letter.headers), "body": letter.body.decode("utf-8", "backslashreplace")})


async def replay(**chosen: Any) -> None:
    """Publish the originals, then delete the letters."""
    await _each(DeadLetters.replay, "replayed", **chosen)


async def drop(**chosen: Any) -> None:
    """Delete the letters."""

    async def act(letters: DeadLetters, letter: DeadLetter) -> None:
        await letters.drop(letter.sequence)

    await _each(act, "dropped", **chosen)


async def _each(
    act: Callable[[DeadLetters, DeadLetter], Coroutine[Any, Any, None]],
    word: str,
    *,
    nats_url: str | None,
    as_json: bool,
    **which: Any,
) -> None:
    async with _opened(nats_url) as letters:
        chosen = await _chosen(letters, **which)
        with progress() as say:
            for count, letter in enumerate(chosen, 1):
                say(f"{count} of {len(chosen)}")
                await act(letters, letter)
                _done(word, letter, as_json=as_json)


async def _chosen(letters: DeadLetters, sequences: Sequence[int] | None, reason: str | None) -> list[DeadLetter]:
    if sequences is not None:
        return [await _one(letters, sequence) for sequence in sequences]
    return [letter async for letter in letters.all() if reason in {None, letter.reason}]


def _done(word: str, letter: DeadLetter, *, as_json: bool) -> None:
    if as_json:
        printing.print_line_of_json({"sequence": letter.sequence, "done": word})
    else:
        click.echo(f"{word} {letter.sequence}")


def _about(letter: DeadLetter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in ("sequence", "at", "reason", "attempts", "subject")}


async def _one(letters: DeadLetters, sequence: int) -> DeadLetter:
    try:
        return await letters.one(sequence)
    except NoSuchLetter as error:
        raise Stopped(Exit.NOT_FOUND, f"{error}; `agent-executor dlq list` shows which there are") from None


@asynccontextmanager
async def _opened(nats_url: str | None) -> AsyncIterator[DeadLetters]:
    settings = _settings(nats_url)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                broker = await stack.enter_async_context(connect(settings))
        except TimeoutError:
            said = "NATS does not answer; --nats-url, NATS_URL or the context say where it is"
            raise Stopped(Exit.UNREACHABLE, said) from None
        try:
            yield DeadLetters(broker)
        except TryAgain as error:
            raise Stopped(Exit.UNREACHABLE, f"{error}; try again in a moment") from error


def _settings(nats_url: str | None) -> NatsSettings:
    """What the variables say, and the default stream; a person's context has only the URL."""
    found = nats_url or context_file.read().in_use.nats_url
    environ = {str(Env.NATS_STREAM_NAME): DEFAULT_STREAM, str(Env.NATS_CONSUMER_GROUP): CONSUMER, **os.environ}
    return NatsSettings.read(environ | ({str(Env.NATS_URL): found} if found else {}))
