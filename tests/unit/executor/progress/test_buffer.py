"""The buffer between the jobs and Dragonfly: in order, bounded, and never in a job's way."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from executor.embedded.loopback import wait_until
from executor.errors import TryAgain
from executor.jobs.entries import Entry
from executor.progress import Progress, buffer

pytestmark = pytest.mark.anyio


class FakeSink:
    """It keeps what it is given, unless it is down or hangs."""

    def __init__(self):
        self.lines = []
        self.down = False
        self.hangs = False
        self.calls = 0

    async def write(self, lines):
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if self.down:
            raise TryAgain("down")
        self.lines.extend(lines)

    @property
    def told(self):
        """Job, type and data of each entry."""
        return [(line.fields["job"], line.fields["type"], json.loads(line.fields["data"])) for line in self.lines]


@pytest.fixture
def sink():
    return FakeSink()


@asynccontextmanager
async def running(progress):
    task = asyncio.create_task(progress.run())
    try:
        yield progress
    finally:
        task.cancel()
        await asyncio.wait([task])


def token(data, job="j"):
    return Entry("th", job, 1, "token", "model", data)


def end(job="j"):
    return Entry("th", job, 1, "end", "", {"status": "completed"})


async def test_entries_arrive_in_order(sink):
    async with running(Progress(sink)) as progress:
        for number in range(buffer.BATCH * 2 + 1):
            progress.emit(token(number))
        progress.emit(end())
        await progress.flush()
    assert [data for _, _, data in sink.told] == [*range(buffer.BATCH * 2 + 1), {"status": "completed"}]
    assert {line.key for line in sink.lines} == {"langgraph:stream:th"}
    assert sink.calls == 3


async def test_what_does_not_fit_is_counted_in_a_gap_and_the_end_always_fits(sink):
    progress = Progress(sink, entries=2)
    for number in range(5):
        progress.emit(token(number))
    progress.emit(end())
    async with running(progress):
        await progress.flush()
    assert sink.told == [
        ("j", "token", 0),
        ("j", "token", 1),
        ("j", "gap", {"dropped": 3}),
        ("j", "end", {"status": "completed"}),
    ]


async def test_a_gap_is_where_the_entries_are_missing(sink):
    progress = Progress(sink, entries=1)
    progress.emit(token(0))
    progress.emit(token(1))
    async with running(progress):
        await progress.flush()
        progress.emit(token(2))
        await progress.flush()
    assert sink.told == [("j", "token", 0), ("j", "gap", {"dropped": 1}), ("j", "token", 2)]


async def test_the_gaps_of_two_jobs_are_counted_apart(sink):
    progress = Progress(sink, entries=0)
    for job in ("a", "b", "a"):
        progress.emit(token(0, job))
    for job in ("a", "b"):
        progress.emit(end(job))
    async with running(progress):
        await progress.flush()
    assert sink.told == [
        ("a", "gap", {"dropped": 2}),
        ("a", "end", {"status": "completed"}),
        ("b", "gap", {"dropped": 1}),
        ("b", "end", {"status": "completed"}),
    ]


async def test_large_entries_fill_the_buffer_too(sink):
    progress = Progress(sink, characters=20)
    progress.emit(token("x" * 10))
    progress.emit(token("x" * 10))
    progress.emit(token("y"))
    async with running(progress):
        await progress.flush()
    assert [data for _, _, data in sink.told] == ["x" * 10, {"dropped": 1}, "y"]


async def test_a_sink_that_is_away_gets_the_same_entries_later(sink, monkeypatch):
    monkeypatch.setattr(buffer, "PAUSE_SECONDS", 0.01)
    sink.down = True
    async with running(Progress(sink)) as progress:
        progress.emit(token(0))
        await until(lambda: not progress.up)
        progress.emit(token(1))
        sink.down = False
        await progress.flush()
        assert progress.up
    assert [data for _, _, data in sink.told] == [0, 1]


async def test_a_sink_that_hangs_counts_as_away(sink, monkeypatch):
    monkeypatch.setattr(buffer, "CALL_SECONDS", 0.01)
    monkeypatch.setattr(buffer, "PAUSE_SECONDS", 0.01)
    sink.hangs = True
    async with running(Progress(sink)) as progress:
        progress.emit(token(0))
        await until(lambda: not progress.up)
        sink.hangs = False
        await progress.flush()
    assert [data for _, _, data in sink.told] == [0]


async def test_who_waits_for_what_was_handed_over_waits_for_that_alone(sink):
    async with running(Progress(sink)) as progress:
        progress.emit(token("first"))
        waiting = asyncio.create_task(progress.written())
        await asyncio.sleep(0)
        progress.emit(token("later"))
        await waiting
        assert ("j", "token", "first") in sink.told
        await progress.written()
        assert ("j", "token", "later") in sink.told
        await progress.written()


async def test_nobody_waits_for_a_sink_that_is_away(sink, monkeypatch):
    monkeypatch.setattr(buffer, "PAUSE_SECONDS", 0.01)
    sink.down = True
    async with running(Progress(sink)) as progress:
        progress.emit(token("kept"))
        await progress.written()
        await progress.written()
        assert (progress.up, sink.told) == (False, [])
        sink.down = False
        await until(lambda: sink.told == [("j", "token", "kept")])


async def test_nothing_to_write_is_flushed_at_once_and_writes_nothing(sink):
    async with running(Progress(sink)) as progress:
        await progress.flush()
    assert sink.calls == 0


async def until(holds):
    async def held():
        return holds()

    await wait_until("it holds", held)
