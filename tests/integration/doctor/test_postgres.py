"""`agent-executor doctor` on Postgres: each thing broken in turn, on a real server."""

import asyncio
import re
import uuid
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg import sql

from contract import Env
from executor import migrate
from executor.findings import ok, warning, wrong
from executor.postgres.examine import TABLES, between, decided
from executor.settings import PostgresSettings
from tests.integration.doctor.examined import complaints, examined

pytestmark = pytest.mark.anyio

RUN = "run `agent-executor migrate`"
NAMES = [f"{each.version:04}_{each.name}" for each in migrate.read(migrate.default_folder())]
READ_ONLY = "set default_transaction_read_only to off, of the role, the database or the server"
HALF_MADE = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_waiting'::regclass"
INTERRUPTED = """
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_waiting'::regclass;
DELETE FROM executor_migrations WHERE version = 5
"""
# What is done to the database, and what is then said of it.
FAULTS = {
    "nothing was migrated": (
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
        [
            wrong("migrations", f"not applied: {', '.join(NAMES)}", RUN),
            wrong("migrations of LangGraph", "its tables are missing or of an older release", RUN),
        ],
    ),
    "one is pending": (
        "DELETE FROM executor_migrations WHERE version = (SELECT max(version) FROM executor_migrations)",
        [wrong("migrations", f"not applied: {NAMES[-1]}", RUN)],
    ),
    "one was changed": (
        "UPDATE executor_migrations SET digest = 'other' WHERE version = 2",
        [wrong("migrations", "changed after they were applied: 0002_fence", "use the image that applied them")],
    ),
    "a newer image was here": (
        "INSERT INTO executor_migrations (version, name, digest) VALUES (9999, 'next', '')",
        [warning("migrations", "of a newer image: 9999_next", "nothing: it works until that image is here too")],
    ),
    "an index is half made": (
        HALF_MADE,
        [
            warning(
                "migrations",
                "making these indexes was interrupted: jobs_waiting",
                "REINDEX INDEX CONCURRENTLY jobs_waiting",
            )
        ],
    ),
    "a migration was interrupted": (
        INTERRUPTED,
        [
            warning("migrations", "making these indexes was interrupted: jobs_waiting", RUN),
            wrong("migrations", "not applied: 0005_lists_and_sweeps", RUN),
        ],
    ),
    "LangGraph's tables are old": (
        "DELETE FROM checkpoint_migrations WHERE v > 5",
        [wrong("migrations of LangGraph", "its tables are missing or of an older release", RUN)],
    ),
    "commits are not waited for": (
        "ALTER DATABASE {database} SET synchronous_commit = off",
        [
            warning(
                "Postgres synchronous_commit",
                "is off: a crash loses what was committed last: a job that had ended may run again",
                "turn synchronous_commit on, of the server, the database and the role",
            )
        ],
    ),
    "all is read-only": (
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        [wrong("Postgres writes", "all transactions are read-only", READ_ONLY)],
    ),
}


async def execute(environment, statements, **names):
    conninfo = PostgresSettings.read(environment).conninfo()
    quoted = {name: sql.Identifier(value) for name, value in names.items()}
    async with await psycopg.AsyncConnection.connect(**conninfo, autocommit=True) as connection:
        for statement in statements.split(";"):
            await connection.execute(sql.SQL(statement).format(**quoted))


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_wrong_with_the_database_is_told(provisioned, fault):
    statements, expected = FAULTS[fault]
    await execute(provisioned, statements, database=provisioned[Env.POSTGRES_DB])
    assert await complaints(provisioned) == expected


async def test_a_limit_of_connections_that_leaves_no_room_for_a_pod_is_a_warning(provisioned):
    await execute(provisioned, "ALTER DATABASE {database} CONNECTION LIMIT 5", database=provisioned[Env.POSTGRES_DB])
    assert await complaints(provisioned) == [
        warning(
            "Postgres connections",
            "5 more may be opened, a pod opens up to 10",
            "raise max_connections, or run fewer pods",
        )
    ]


@pytest.fixture
async def role(provisioned):
    """A role that may connect, and the environment that has it; gone afterwards."""
    name = f"r{uuid.uuid4().hex[:12]}"
    await execute(provisioned, "CREATE ROLE {role} LOGIN PASSWORD 'of-the-role'", role=name)
    yield {**provisioned, Env.POSTGRES_USER: name, Env.POSTGRES_PASSWORD: "of-the-role"}
    await execute(provisioned, "DROP OWNED BY {role}; DROP ROLE {role}", role=name)


async def test_a_role_that_may_only_read_is_told_what_it_may_not(provisioned, role):
    await execute(
        provisioned,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
        "REVOKE INSERT, UPDATE, DELETE ON jobs FROM {role}; REVOKE DELETE ON checkpoints FROM {role}",
        role=role[Env.POSTGRES_USER],
    )
    [found] = await complaints(role)
    to_do = "GRANT SELECT, INSERT, UPDATE, DELETE on these tables to the role"
    assert (found.about, found.state, found.help) == ("Postgres rights", "wrong", to_do)
    assert sorted(found.said.split("; ")) == ["checkpoints: no DELETE", "jobs: no INSERT, UPDATE, DELETE"]


@pytest.mark.parametrize(
    ("given", "said", "to_do"),
    [
        (
            {Env.POSTGRES_PASSWORD: "not-this-one"},
            "password authentication failed",
            "set POSTGRES_USER and POSTGRES_PASSWORD to those of a role",
        ),
        (
            {Env.POSTGRES_DB: "nowhere"},
            'database "nowhere" does not exist',
            "set POSTGRES_DB and POSTGRES_USER to what is there, or make it",
        ),
        (
            {Env.POSTGRES_PORT: "1"},
            "no connection to 127.0.0.1, port 1",
            "set POSTGRES_HOST and POSTGRES_PORT to where it is",
        ),
        ({Env.POSTGRES_SSLMODE: "require"}, "SSL", "set POSTGRES_SSLMODE to what the server speaks"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
async def test_a_database_that_cannot_be_reached_is_wrong_and_so_are_its_migrations(provisioned, given, said, to_do):
    postgres, migrations = await complaints({**provisioned, **given})
    assert (postgres.about, postgres.state, postgres.help) == ("Postgres", "wrong", to_do)
    assert said in postgres.said
    assert migrations == wrong("migrations", "cannot be looked at", "do what is said of Postgres")


def test_the_rights_on_every_table_of_the_migrations_are_looked_at():
    statements = "".join(each.sql for each in migrate.read(migrate.default_folder()))
    assert sorted(TABLES) == sorted(re.findall(r"CREATE TABLE (\w+)", statements))


@asynccontextmanager
async def pooler(environment):
    """A way to Postgres that gives keys of its own to clients, as PgBouncer does."""

    async def serve(reader, writer):
        behind, ahead = await asyncio.open_connection(environment[Env.POSTGRES_HOST], environment[Env.POSTGRES_PORT])
        with suppress(ConnectionError):
            await asyncio.gather(passed_on(reader, ahead), passed_on(behind, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield {**environment, Env.POSTGRES_PORT: str(server.sockets[0].getsockname()[1])}


async def passed_on(reader, writer):
    key = b"K\x00\x00\x00\x0c"
    try:
        while heard := await reader.read(65536):
            before, found, after = heard.partition(key)
            writer.write(before + found + (b"\x00\x00\x00\x01" + after[4:] if found else after))
            await writer.drain()
    finally:
        writer.close()


async def test_a_pooler_in_between_is_seen(provisioned):
    async with pooler(provisioned) as environment:
        found = [finding for finding in await examined(environment) if finding.about == "Postgres pooler"]
    said = "one lies in between, and gives each connection a session of its own"
    assert found == [ok("Postgres pooler", said)]
    assert [finding for finding in await examined(provisioned) if finding.about == "Postgres pooler"] == []


def test_a_pooler_that_shares_sessions_is_wrong():
    to_do = "set its pool_mode to session, or POSTGRES_HOST and POSTGRES_PORT to Postgres itself"
    said = "one lies in between that shares sessions: prepared statements break"
    assert between(17, 17) == wrong("Postgres pooler", said, to_do)


SOUND = {
    "major": 16,
    "standby": False,
    "read_only": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "free": 90,
    "of_role": -1,
    "of_database": -1,
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"major": 12}, warning("Postgres version", "12 is older than 14", "upgrade it")),
        (
            {"standby": True, "read_only": "on"},
            wrong("Postgres writes", "the server is a standby", "set POSTGRES_HOST to the primary"),
        ),
        (
            {"fsync": "off"},
            warning(
                "Postgres fsync",
                "is off: a crash may leave the database broken",
                "turn fsync on, of the server, the database and the role",
            ),
        ),
        (
            {"free": 3},
            warning(
                "Postgres connections",
                "3 more may be opened, a pod opens up to 10",
                "raise max_connections, or run fewer pods",
            ),
        ),
    ],
    ids=str,
)
def test_what_a_server_says_of_itself_is_judged(facts, expected):
    assert [finding for finding in decided(SOUND | facts) if finding.state != "ok"] == [expected]
