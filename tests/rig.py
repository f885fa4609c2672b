"""What the fixtures are made of: servers given by TEST_*_URL, a database and stream names of a test's own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import SplitResult, unquote, urlsplit

import nats
import nats.js.errors
import psycopg
from psycopg import sql

from contract import Env
from executor import broker, migrate
from executor.broker.layout import layout
from executor.settings import NatsSettings, PostgresSettings

ANCHOR = "ANCHOR"
TEST_URLS = ("TEST_NATS_URL", "TEST_POSTGRES_URL", "TEST_DRAGONFLY_URL")

Environment = dict[str, str]


async def provision(environment: Mapping[str, str]) -> None:
    """Do what `agent-executor streams` and `agent-executor migrate` do."""
    settings = NatsSettings.read(environment)
    async with broker.connect(settings) as connected:
        await broker.provision(connected.jetstream, layout(settings))
    await asyncio.to_thread(migrate.migrate, PostgresSettings.read(environment), migrate.default_folder())


def from_urls(environ: Mapping[str, str]) -> Environment:
    """The executor's variables for the servers that TEST_*_URL name."""
    variables: Environment = {}
    for name, read in zip(TEST_URLS, (_nats, _postgres, _dragonfly), strict=True):
        if url := environ.get(name):
            variables |= {key: value for key, value in read(urlsplit(url)).items() if value}
    return variables


async def drop_anchor(environment: Environment) -> None:
    """Keep one stream in the account: to delete the last one and create another at once fails now and then (10049)."""
    client = await nats.connect(environment[Env.NATS_URL])
    await client.jetstream().add_stream(name=ANCHOR, subjects=[ANCHOR])
    await client.close()


@asynccontextmanager
async def own_place(environment: Environment, **more: str) -> AsyncIterator[Environment]:
    """The environment with an empty database and unused names on the broker, gone at the end; `more` is added to it."""
    tag = uuid.uuid4().hex[:12]
    own = environment | {
        Env.NATS_STREAM_NAME: f"T{tag}",
        Env.NATS_CONSUMER_GROUP: f"w{tag}",
        Env.EXECUTOR_SUBJECT_PREFIX: f"t{tag}",
        Env.POSTGRES_DB: f"t{tag}",
    }
    async with database(environment, own[Env.POSTGRES_DB]), streams(environment, own[Env.NATS_STREAM_NAME]):
        yield own | more


@asynccontextmanager
async def streams(environment: Environment, name: str) -> AsyncIterator[None]:
    """Delete at the end the streams that a service may have made for its stream `name`."""
    yield
    client = await nats.connect(environment[Env.NATS_URL])
    for stream in (name, f"{name}_STATUS", f"{name}_DLQ"):
        with suppress(nats.js.errors.NotFoundError):
            await client.jetstream().delete_stream(stream)
    await client.close()


@asynccontextmanager
async def database(environment: Environment, name: str) -> AsyncIterator[None]:
    """An empty database, dropped at the end whoever is still connected."""
    conninfo = PostgresSettings.read(environment).conninfo()
    async with await psycopg.AsyncConnection.connect(**conninfo, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _nats(url: SplitResult) -> dict[str, str | None]:
    return {Env.NATS_URL: url.geturl()}


def _postgres(url: SplitResult) -> dict[str, str | None]:
    return {
        Env.POSTGRES_HOST: url.hostname,
        Env.POSTGRES_PORT: str(url.port or 5432),
        Env.POSTGRES_DB: url.path.lstrip("/"),
        Env.POSTGRES_USER: unquote(url.username or ""),
        Env.POSTGRES_PASSWORD: unquote(url.password or ""),
    }


def _dragonfly(url: SplitResult) -> dict[str, str | None]:
    return {
        Env.DRAGONFLY_HOST: url.hostname,
        Env.DRAGONFLY_PORT: str(url.port or 6379),
        Env.DRAGONFLY_PASSWORD: unquote(url.password or ""),
    }
