"""Streams in memory, and those who watch them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from executor.errors import TryAgain
from executor.jobs.entries import BEGINNING
from executor.jobs.job import Job
from executor.watch import Watches, watcher, watches
from tests.fakes import EPOCH, FakeEntries

LIMIT = 3


Heard = list[tuple[str, str]]  # type and data of each entry


def job(job_id="j", thread="t", status="running"):
    return Job(job_id, thread, status, 1, EPOCH, EPOCH, None, None, None, None)


def line(number, job_id="j", kind="custom"):
    return {"job": job_id, "attempt": "1", "type": kind, "node": "", "data": str(number)}


def end(job_id="j"):
    return line(0, job_id, "end")


@dataclass
class FakeJobs:
    """Jobs as the ledger has them, and which of them were asked for."""

    known: dict[str, Job] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    async def job(self, job_id):
        await asyncio.sleep(0)
        self.asked.append(job_id)
        if self.down:
            raise TryAgain("Postgres is down")
        return self.known.get(job_id)


@dataclass
class Room:
    """The watches under test, with what they read."""

    entries: FakeEntries = field(default_factory=FakeEntries)
    jobs: FakeJobs = field(default_factory=FakeJobs)

    def __post_init__(self):
        self.watches = Watches(self.entries, self.jobs, LIMIT)

    async def told(self, job, after=BEGINNING, heard=None):
        """All that one who watches the job is told, to its end; also into `heard`, while it comes."""
        heard = [] if heard is None else heard
        with self.watches.watcher(job, after) as one:
            async for page in one.pages():
                heard += [(entry.type, entry.fields["data"]) for entry in page]
        return heard


@pytest.fixture
def _soon(monkeypatch):
    """What takes a while takes a moment."""
    monkeypatch.setattr(watcher, "LAST_WORDS", 0.02)
    monkeypatch.setattr(watches, "LINGER_SECONDS", 0.001)
    monkeypatch.setattr(watches, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watches, "BEAT_SECONDS", 0.02)


@pytest.fixture
def _often(monkeypatch):
    """The ledger is asked of the silent again and again."""
    monkeypatch.setattr(watches, "LOOK_SECONDS", 0.02)


@pytest.fixture
async def room(_soon):
    """Watches that are being read for."""
    made = Room()
    running = asyncio.create_task(made.watches.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
