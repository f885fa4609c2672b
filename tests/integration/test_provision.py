"""`agent-executor streams` and `agent-executor migrate`: run again, changed, two at once, and refused."""

import asyncio
import shutil
import socket
import sys
import threading
from pathlib import Path

import nats.js.errors
import psycopg
import pytest
from psycopg.rows import tuple_row

from contract import MIGRATE_COMMAND, STREAMS_COMMAND, Env
from executor import migrate
from executor.broker import connect, provision
from executor.broker.layout import layout
from executor.embedded.loopback import wait_until
from executor.embedded.process import Process
from executor.errors import Misconfigured, TryAgain
from executor.settings import NatsSettings, PostgresSettings
from tests import rig
from tests.integration.world import world

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture
async def broker(environment):
    """The world with nothing on the broker yet."""
    async with world(environment) as mine:
        yield mine


async def run(command, environment, tmp_path, *arguments):
    """Run one of our commands; its status, and the last line of its log."""
    log = tmp_path / f"{command[-1]}.log"
    line = [sys.executable, "-m", "executor", *command[1:], *map(str, arguments)]
    status = await Process(line, environment=environment, log=log).run()
    return status, log.read_text().splitlines()[-1]


async def provisioned(environment):
    settings = NatsSettings.read(environment)
    async with connect(settings) as connected:
        await provision(connected.jetstream, layout(settings))


async def shape(broker, stream):
    """What matters of a stream's configuration."""
    found = (await broker.client.jetstream().stream_info(stream)).config
    return {
        "subjects": found.subjects,
        "storage": found.storage,
        "retention": found.retention,
        "discard": found.discard,
        "max_msgs": found.max_msgs,
        "max_age": found.max_age,
        "replicas": found.num_replicas,
    }


async def test_the_streams_and_the_consumer_are_the_contracts_also_the_second_time(broker, tmp_path):
    for _ in range(2):
        assert (await run(STREAMS_COMMAND, broker.environment, tmp_path))[0] == 0
    names = broker.names
    kinds = {
        names.stream: ("execute", DAY),
        names.status_stream: ("status", DAY),
        names.dead_letter_stream: ("dlq", 30 * DAY),
    }
    for stream, (word, age) in kinds.items():
        assert await shape(broker, stream) == {
            "subjects": [names.subject(word, "*")],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_msgs": -1,
            "max_age": age,
            "replicas": 1,
        }
    consumer = (await broker.client.jetstream().consumer_info(names.stream, names.consumer)).config
    assert (consumer.durable_name, consumer.filter_subject) == (names.consumer, names.subject("execute", "*"))
    assert (consumer.ack_policy, consumer.deliver_policy, consumer.replay_policy) == ("explicit", "all", "instant")
    assert (consumer.max_deliver, consumer.ack_wait, consumer.max_ack_pending) == (-1, 15, 10_000)
    assert not consumer.backoff


async def test_a_changed_prefix_changes_the_streams_and_the_consumer_and_loses_nothing(broker):
    await provisioned(broker.environment)
    await broker.publish({"old": True})
    changed = dict(broker.environment) | {Env.EXECUTOR_SUBJECT_PREFIX: f"{broker.names.subject_prefix}-other"}
    await provisioned(changed)
    names = NatsSettings.read(changed)
    assert (await shape(broker, names.stream))["subjects"] == [names.subject("execute", "*")]
    info = await broker.client.jetstream().consumer_info(names.stream, names.consumer)
    assert info.config.filter_subject == names.subject("execute", "*")
    assert len(await broker.stored(names.stream)) == 1


async def test_a_consumer_that_takes_anothers_jobs_is_refused_with_the_setting_to_change(broker, tmp_path):
    await provisioned(broker.environment)
    other = dict(broker.environment) | {Env.NATS_CONSUMER_GROUP: "other-workers"}
    status, said = await run(STREAMS_COMMAND, other, tmp_path)
    assert status == 1
    assert said.startswith("agent-executor: consumer other-workers: ")
    assert "NATS_STREAM_NAME" in said
    assert "natsStreamName" in said
    with pytest.raises(nats.js.errors.NotFoundError):
        await broker.client.jetstream().consumer_info(broker.names.stream, "other-workers")


async def test_a_stream_that_takes_anothers_subjects_is_refused_with_the_setting_to_change(
    broker, server_environment, tmp_path
):
    await provisioned(broker.environment)
    name = f"{broker.names.stream}X"
    async with rig.streams(server_environment, name):
        other = dict(broker.environment) | {Env.NATS_STREAM_NAME: name}
        status, said = await run(STREAMS_COMMAND, other, tmp_path)
    assert status == 1
    assert said.startswith(f"agent-executor: stream {name}: ")
    assert "EXECUTOR_SUBJECT_PREFIX" in said
    assert "streams.subjectPrefix" in said


async def test_what_the_server_cannot_do_is_said_in_one_line(broker, tmp_path):
    impossible = dict(broker.environment) | {Env.EXECUTOR_STREAM_REPLICAS: "3"}
    status, said = await run(STREAMS_COMMAND, impossible, tmp_path)
    assert status == 1
    assert said.startswith(f"agent-executor: stream {broker.names.stream}: replicas > 1")


async def tables(environment):
    conninfo = PostgresSettings.read(environment).conninfo()
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    async with await psycopg.AsyncConnection.connect(**conninfo, row_factory=tuple_row) as connection:
        return {name for (name,) in await (await connection.execute(query)).fetchall()}


async def migrated(environment, folder=None):
    settings = PostgresSettings.read(environment)
    return await asyncio.to_thread(migrate.migrate, settings, folder or migrate.default_folder())


@pytest.fixture
def folder(tmp_path):
    """A copy of the migrations, to be changed."""
    copied = tmp_path / "migrations"
    shutil.copytree(migrate.default_folder(), copied)
    return copied


NAMES = [each.name for each in migrate.read(migrate.default_folder())]
NEXT = f"{len(NAMES) + 1:04}"


async def test_migrations_are_applied_once_by_two_pods_at_once(environment, tmp_path):
    pods = [tmp_path / "one", tmp_path / "other"]
    for pod in pods:
        pod.mkdir()
    ends = await asyncio.gather(*(run(MIGRATE_COMMAND, environment, pod) for pod in pods))
    assert [status for status, _ in ends] == [0, 0]
    assert {"jobs", "outbox", "checkpoints", "executor_migrations"} <= await tables(environment)
    assert await migrated(environment) == []


@pytest.fixture
def silent():
    """A port that takes connections, and where nobody says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({Env.POSTGRES_HOST: "nowhere.invalid"}, "at nowhere.invalid, port "),
        ({Env.POSTGRES_HOST: "[::1]", Env.POSTGRES_PORT: "1"}, "at ::1, port 1 within 2 s: connection failed"),
        ({Env.POSTGRES_PASSWORD: "wrong"}, "password authentication failed"),
        ({Env.POSTGRES_PORT: "silent"}, " within 2 s: no answer"),
    ],
    ids=str,
)
async def test_a_database_that_is_not_there_ends_the_command_in_one_line(environment, silent, tmp_path, wrong, words):
    given = {name: value.replace("silent", silent) for name, value in wrong.items()}
    status, said = await run(MIGRATE_COMMAND, environment | given, tmp_path, "--wait", 2)
    assert status == 1
    assert said.startswith("agent-executor: no connection to Postgres at ")
    assert words in said
    assert "Traceback" not in (tmp_path / "migrate.log").read_text()


async def test_a_name_server_that_never_answers_ends_the_command_too(environment, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(psycopg, "connect", lambda **_: over.wait())
    with pytest.raises(TryAgain, match=r"^no connection to Postgres at .* within 1 s: no answer$"):
        await asyncio.to_thread(migrate.migrate, PostgresSettings.read(environment), migrate.default_folder(), 1)
    over.set()


async def test_a_migration_that_fails_leaves_nothing_of_itself_and_its_command_fails(environment, folder, tmp_path):
    (folder / f"{NEXT}_broken.up.sql").write_text("CREATE TABLE half (); SELECT nonsense;")
    status, _ = await run(MIGRATE_COMMAND, environment, tmp_path, "--folder", folder)
    assert status == 1
    assert "half" not in await tables(environment)
    assert "jobs" in await tables(environment)
    (folder / f"{NEXT}_broken.up.sql").write_text("CREATE TABLE whole ();")
    assert await migrated(environment, folder) == ["broken"]
    assert "whole" in await tables(environment)


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(environment, folder):
    assert await migrated(environment, folder) == NAMES
    first = next(iter(sorted(folder.glob("0001_*.up.sql"))))
    first.write_text(first.read_text() + "-- changed\n")
    with pytest.raises(Misconfigured, match="migration 0001 was changed after it was applied"):
        await migrated(environment, folder)


async def test_the_previous_image_accepts_the_database_of_the_next(environment, folder):
    (folder / f"{NEXT}_next.up.sql").write_text("CREATE TABLE next ();")
    assert await migrated(environment, folder) == [*NAMES, "next"]
    assert await migrated(environment) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ([], "no migrations here"),
        (["0001_a.up.sql", "0001_b.up.sql"], "two migrations share a number"),
        (["1_a.up.sql"], "a migration is named NNNN_name.up.sql"),
    ],
)
def test_a_folder_that_is_wrong_is_refused(tmp_path, files, complaint):
    for name in files:
        Path(tmp_path / name).touch()
    with pytest.raises(Misconfigured, match=complaint):
        migrate.read(tmp_path)


async def test_every_migration_that_can_be_undone_undoes_itself(environment):
    before = await tables(environment)
    await migrated(environment)
    conninfo = PostgresSettings.read(environment).conninfo()
    async with await psycopg.AsyncConnection.connect(**conninfo) as connection:
        for path in sorted(migrate.default_folder().glob("*.down.sql"), reverse=True):
            await connection.execute(path.read_bytes())
    left = await tables(environment) - before
    assert {name for name in left if not name.startswith("checkpoint")} == {"executor_migrations"}


@pytest.mark.parametrize(
    "statement",
    ["CREATE INDEX CONCURRENTLY i ON jobs (job_id);", "CREATE TABLE t ();", "DROP INDEX jobs_by_age;"],
)
def test_outside_a_transaction_are_only_indexes_that_can_be_made_again(tmp_path, statement):
    (tmp_path / "0001_a.up.sql").write_text(f"-- outside a transaction\n-- Why.\n{statement}")
    with pytest.raises(
        Misconfigured, match=r"^migration 0001: outside a transaction is only CREATE INDEX CONCURRENTLY"
    ):
        migrate.read(tmp_path)


INDEXES = """
SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relname IN ('first', 'second')
"""
END_MIGRATIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%'
"""


async def test_an_index_whose_making_was_interrupted_is_made_again(environment, folder):
    await migrated(environment)
    (folder / f"{NEXT}_indexes.up.sql").write_text(
        "-- outside a transaction\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS first ON jobs (attempts);\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS second ON jobs (epoch);\n"
    )
    conninfo = PostgresSettings.read(environment).conninfo()
    async with (
        await psycopg.AsyncConnection.connect(**conninfo, autocommit=True, row_factory=tuple_row) as watch,
        await psycopg.AsyncConnection.connect(**conninfo) as busy,
    ):

        async def indexes():
            return dict(await (await watch.execute(INDEXES)).fetchall())

        async def is_half_made():
            return await indexes() == {"first": False}

        await busy.execute("LOCK TABLE jobs IN ROW EXCLUSIVE MODE")  # the making waits for whoever writes
        interrupted = asyncio.create_task(migrated(environment, folder))
        await wait_until("an index is half made", is_half_made)
        await watch.execute(END_MIGRATIONS)
        with pytest.raises(psycopg.OperationalError):
            await interrupted
        await busy.rollback()
        assert await is_half_made()
        assert await migrated(environment, folder) == ["indexes"]
        assert await indexes() == {"first": True, "second": True}
    assert await migrated(environment, folder) == []
