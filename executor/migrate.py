"""Migrations: plain SQL files in order, once, under a lock; then LangGraph's own tables by LangGraph's own set-up.

A file is one transaction. One whose first line says that it is outside a transaction makes indexes while the
service goes on: each statement is a commit, and may be repeated where the last run was interrupted.
"""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row

from executor import checkpoints
from executor.errors import Misconfigured, TryAgain
from executor.findings import Finding, ok, warning, wrong
from executor.settings import PostgresSettings

log = structlog.get_logger()

LOCK = 0x6167_656E_7465_7865  # "agentexe": the advisory lock that all pods of a database agree on
LOCK_POLL_SECONDS = 0.2
PATIENCE = 120.0
CONNECT_SECONDS = 10
EXAMINE_SECONDS = 4.0
ABOUT = "migrations"
RUN = "run `agent-executor migrate`"
LONGEST_PAUSE = 10.0
FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.up\.sql$")

COMMENT = re.compile(r"--.*")
OUTSIDE = "-- outside a transaction"
INDEX = re.compile(r"CREATE(?: UNIQUE)? INDEX CONCURRENTLY IF NOT EXISTS (\w+)\b")

# What an interrupted build leaves is there, costs every write and serves no query.
INVALID = "SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"

RECORD = """
CREATE TABLE IF NOT EXISTS executor_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    digest     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One file; `digest` tells whether an applied file was changed afterwards."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the statements."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def is_outside(self) -> bool:
        """Whether it is applied outside a transaction."""
        return self.sql.partition("\n")[0].rstrip() == OUTSIDE

    def indexes(self) -> list[tuple[str, str]]:
        """The index that each statement makes, and the statement; raises Misconfigured for any other."""
        statements = [each.strip() for each in COMMENT.sub("", self.sql).split(";")]
        return [(self._index(statement), statement) for statement in statements if statement]

    def _index(self, statement: str) -> str:
        if match := INDEX.match(statement):
            return match[1]
        raise Misconfigured(
            f"migration {self.version:04}: outside a transaction is only CREATE INDEX CONCURRENTLY IF NOT EXISTS,"
            f" not: {statement[:80]}"
        )


def migrate(settings: PostgresSettings, folder: Path, patience: float = PATIENCE) -> list[str]:
    """Bring the database to the newest version; returns the names that were applied now.

    A failing file leaves no trace of itself, or an index that the next run makes again. Raises TryAgain where there is
    no connection within `patience` seconds, Misconfigured, or psycopg's error with the file's name as a note.
    """
    wanted = read(folder)
    with _connect(settings, patience) as connection, _locked(connection):
        connection.execute(RECORD)
        applied = [m.name for m in _pending(connection, wanted) if _apply(connection, m)]
        checkpoints.create_tables(connection)
    return applied


def read(folder: Path) -> list[Migration]:
    """The migrations of a folder in order; raises Misconfigured when there is none or two share a number."""
    files = sorted(path for path in folder.glob("*.up.sql"))
    migrations = [_read(path) for path in files]
    versions = [m.version for m in migrations]
    if not migrations:
        raise Misconfigured(f"{folder}: no migrations here")
    if len(set(versions)) != len(versions):
        raise Misconfigured(f"{folder}: two migrations share a number")
    return migrations


def examine(settings: PostgresSettings, folder: Path) -> list[Finding]:
    """Whether the database is what this image needs; changes nothing, and raises Misconfigured or psycopg's error."""
    wanted = read(folder)
    try:
        connection = _connect(settings, EXAMINE_SECONDS)
    except TryAgain:
        return [wrong(ABOUT, "cannot be looked at", "do what is said of Postgres")]
    with connection:
        connection.execute("SET statement_timeout = '3s'")
        return list(_found(connection, wanted))


def default_folder() -> Path:
    """`migrations/` beside the package in a checkout, `/app/migrations` in the image."""
    checkout = Path(__file__).parent.parent / "migrations"
    return checkout if checkout.is_dir() else Path("/app/migrations")


def _found(connection: psycopg.Connection[DictRow], wanted: list[Migration]) -> Iterator[Finding]:
    names = {m.version: f"{m.version:04}_{m.name}" for m in wanted}
    applied = _applied(connection)
    pending = [name for version, name in names.items() if version not in applied]
    changed = [names[m.version] for m in wanted if m.version in applied and applied[m.version]["digest"] != m.digest]
    unknown = [f"{version:04}_{row['name']}" for version, row in applied.items() if version not in names]
    half = [name for m in wanted if m.is_outside for name, _ in m.indexes() if _fetch(connection, INVALID, name)]
    if half:
        yield warning(ABOUT, f"making these indexes was interrupted: {', '.join(half)}", _remade(half, pending))
    if pending:
        yield wrong(ABOUT, f"not applied: {', '.join(pending)}", RUN)
    if changed:
        yield wrong(ABOUT, f"changed after they were applied: {', '.join(changed)}", "use the image that applied them")
    if unknown:
        yield warning(
            ABOUT, f"of a newer image: {', '.join(unknown)}", "nothing: it works until that image is here too"
        )
    if not checkpoints.are_there(connection):
        yield wrong(f"{ABOUT} of LangGraph", "its tables are missing or of an older release", RUN)
    if not (half or pending or changed or unknown):
        yield ok(ABOUT, f"all {len(wanted)} are applied")


def _remade(half: list[str], pending: list[str]) -> str:
    return RUN if pending else "; ".join(f"REINDEX INDEX CONCURRENTLY {name}" for name in half)


def _applied(connection: psycopg.Connection[DictRow]) -> dict[int, DictRow]:
    """The migrations that were applied, by number; none where the table of them is missing."""
    if not _fetch(connection, "SELECT FROM pg_class WHERE oid = to_regclass('executor_migrations')"):
        return {}
    rows = _fetch(connection, "SELECT version, name, digest FROM executor_migrations ORDER BY version")
    return {row["version"]: row for row in rows}


def _read(path: Path) -> Migration:
    match = FILE.match(path.name)
    if match is None:
        raise Misconfigured(f"{path.name}: a migration is named NNNN_name.up.sql")
    migration = Migration(int(match[1]), match[2], path.read_text(encoding="utf-8"))
    if migration.is_outside:
        migration.indexes()  # refused before anything is applied
    return migration


def _connect(settings: PostgresSettings, patience: float) -> psycopg.Connection[DictRow]:
    deadline = time.monotonic() + patience
    pause = 0.5
    while True:
        try:
            return _opened(settings, deadline - time.monotonic())
        except (psycopg.OperationalError, TimeoutError) as error:
            said = " ".join(str(error).split()) or "no answer"
        place = f"{settings.host}, port {settings.port}"
        if time.monotonic() + pause > deadline:
            raise TryAgain(f"no connection to Postgres at {place} within {patience:g} s: {said}")
        log.warning("waiting for Postgres", place=place, error=said)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _opened(settings: PostgresSettings, seconds: float) -> psycopg.Connection[DictRow]:
    """A connection, or TimeoutError: a name server that does not answer knows no connect_timeout, so a thread waits."""
    opened: Future[psycopg.Connection[DictRow]] = Future()

    def connect() -> None:
        try:
            opened.set_result(
                psycopg.connect(
                    **settings.conninfo(), autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_SECONDS
                )
            )
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            opened.set_exception(error)

    threading.Thread(target=connect, name="connect", daemon=True).start()
    return opened.result(seconds)


@contextmanager
def _locked(connection: psycopg.Connection[DictRow]) -> Iterator[None]:
    # Polled, not blocked on: a blocked session is a transaction that CREATE INDEX CONCURRENTLY, in the set-up of
    # LangGraph's tables, waits for, and that is a deadlock.
    while not _fetch(connection, "SELECT pg_try_advisory_lock(%s) AS taken", LOCK)[0]["taken"]:
        log.info("waiting for another migration to end")
        time.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:  # what is lost has let go, and its own error is what counts
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _pending(connection: psycopg.Connection[DictRow], wanted: list[Migration]) -> list[Migration]:
    applied = _applied(connection)
    for migration in wanted:
        row = applied.get(migration.version)
        if row is not None and row["digest"] != migration.digest:
            raise Misconfigured(
                f"migration {migration.version:04} was changed after it was applied: add a new one instead"
            )
    # A version that the database has and this folder has not is a newer image's: it stays compatible with this one.
    return [migration for migration in wanted if migration.version not in applied]


def _apply(connection: psycopg.Connection[DictRow], migration: Migration) -> bool:
    log.info("applying migration", version=migration.version, name=migration.name)
    try:
        if migration.is_outside:
            _make_indexes(connection, migration)
        with connection.transaction():
            if not migration.is_outside:
                connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO executor_migrations (version, name, digest) VALUES (%s, %s, %s)",
                [migration.version, migration.name, migration.digest],
            )
    except psycopg.Error as error:
        error.add_note(f"in migration {migration.version:04}_{migration.name}")
        raise
    return True


def _make_indexes(connection: psycopg.Connection[DictRow], migration: Migration) -> None:
    connection.execute("SET statement_timeout = 0")  # a role's own is meant for queries
    for name, statement in migration.indexes():
        if _fetch(connection, INVALID, name):
            log.warning("made again: its making was interrupted", index=name)
            connection.execute(f"DROP INDEX CONCURRENTLY {name}".encode())
        connection.execute(statement.encode())


def _fetch(connection: psycopg.Connection[DictRow], query: str, *values: object) -> list[DictRow]:
    return connection.execute(query.encode(), values).fetchall()
