"""What a stretch of work costs: seconds, and the CPU time of this process and of the Postgres server."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from executor import embedded

OWN = ("ALTER SYSTEM", "pg_reload_conf", "current_setting")


@dataclass
class Watch:
    """Runs inside `with`; what it found is in `spent`."""

    postmaster: int
    spent: dict[str, float] = field(default_factory=dict)
    _began: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __enter__(self) -> None:
        self._began = self._now()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        names = ("seconds", "Python", "Postgres")
        self.spent = {name: end - start for name, start, end in zip(names, self._began, self._now(), strict=True)}

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.process_time(), cpu_seconds(self.postmaster)


def postmaster(servers: embedded.Servers) -> int:
    """The process from which all of Postgres's come."""
    return int((servers.postgres.data / "postmaster.pid").read_text().split()[0])


def cpu_seconds(postmaster: int) -> float:
    """What the server's processes used so far, those that ended included."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == postmaster:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


@dataclass
class Statements:
    """How many SQL statements were executed inside `counted`."""

    count: int = 0


@asynccontextmanager
async def counted(admin: psycopg.AsyncConnection[Any], log: Path) -> AsyncIterator[Statements]:
    """Counts what the server logs."""
    found = Statements()
    await _logging(admin, "all")
    before = len(_asked(log))
    yield found
    await _logging(admin, "none")
    found.count = len(_asked(log)) - before


def _asked(log: Path) -> list[str]:
    lines = log.read_text(errors="replace").splitlines()
    asked = [line for line in lines if "LOG:  execute" in line or "LOG:  statement" in line]
    return [line for line in asked if not any(own in line for own in OWN)]


async def _logging(admin: psycopg.AsyncConnection[Any], what: str) -> None:
    await admin.execute(f"ALTER SYSTEM SET log_statement = '{what}'".encode())
    await admin.execute("SELECT pg_reload_conf()")
    while (await _setting(admin)) != what:
        pass


async def _setting(admin: psycopg.AsyncConnection[Any]) -> str:
    cursor = await admin.execute("SELECT current_setting('log_statement') AS now")
    row: Any = await cursor.fetchone()
    return str(row["now"] if isinstance(row, dict) else row[0])
