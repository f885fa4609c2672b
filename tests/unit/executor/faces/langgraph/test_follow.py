"""Following a run to its end, or to where it waits for a person."""

import asyncio
import itertools
from contextlib import aclosing

import pytest

from executor.errors import TryAgain
from executor.faces.langgraph import follow
from executor.faces.langgraph.follow import pages
from executor.jobs.entries import Place, StreamEntry
from executor.jobs.job import Job
from tests.fakes import EPOCH

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(follow, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(follow, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(follow, "LAST_WORDS_SECONDS", 0.01)
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.001)


def job(status="running"):
    return Job("j", "t", status, 1, EPOCH, EPOCH, None, None, None, None)


class Told:
    """One who watches: what they are told, and then nothing for ever, or no more."""

    def __init__(self, *kinds, ends=False):
        self._kinds, self._ends = kinds, ends
        self.is_closed = False

    async def pages(self):
        try:
            for kind in self._kinds:
                yield [StreamEntry(Place(1, 0), {"type": kind})]
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True


class Waits:
    """Jobs that come to rest with these statuses, one after the other; the last stays."""

    def __init__(self, *statuses):
        self._statuses = itertools.chain(statuses, itertools.repeat(statuses[-1]))

    async def wait(self, job_id, seconds):
        assert job_id == "j"
        status = next(self._statuses)
        if status == "away":
            raise TryAgain("Postgres is away")
        await asyncio.sleep(0 if status else seconds)
        return job(status) if status else None


async def kinds(told, waits, status="running"):
    return [[entry.type for entry in page] async for page in pages(waits, job(status), told)]


async def test_a_run_is_followed_to_its_end():
    told = Told("token", "end", ends=True)
    assert await kinds(told, Waits(None)) == [["token"], ["end"]]
    assert told.is_closed


async def test_a_run_that_asks_is_over_once_it_waits_and_is_quiet():
    told = Told("token", "interrupt", "state")
    heard = await kinds(told, Waits(None, "away", "interrupted"))
    assert [page for page in heard if page] == [["token"], ["interrupt"], ["state"]]
    assert told.is_closed


async def test_a_question_that_was_answered_ends_nothing():
    told = Told("interrupt", "start", "end", ends=True)
    assert [page for page in await kinds(told, Waits(None)) if page] == [["interrupt"], ["start"], ["end"]]


async def test_a_run_that_waits_already_is_over_at_once_also_where_its_stream_is_gone():
    assert [page for page in await kinds(Told(), Waits("interrupted"), "interrupted") if page] == []


async def test_of_a_silent_run_the_ledger_is_asked_after_some_beats():
    heard = await kinds(Told("token"), Waits("completed"))
    assert heard[: 1 + follow.BEATS_TO_LOOK] == [["token"], *[[]] * follow.BEATS_TO_LOOK]


async def test_who_goes_away_leaves_nothing_behind():
    told = Told("interrupt")
    async with aclosing(pages(Waits(None), job(), told)) as following:
        assert len(await anext(following)) == 1
    assert told.is_closed
    assert [task for task in asyncio.all_tasks() if "_at_rest" in repr(task)] == []
