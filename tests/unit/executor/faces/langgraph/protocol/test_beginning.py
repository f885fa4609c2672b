"""Where one who comes to a thread begins to be told of it."""

from datetime import timedelta

import pytest

from executor.faces.langgraph.protocol.beginning import FRESH_MS, SKEW_MS, Beginning, beginning
from executor.jobs.entries import BEGINNING, Place
from executor.jobs.job import Job
from tests.fakes import EPOCH

EPOCH_MS = int(EPOCH.timestamp() * 1000)
NOW = EPOCH + timedelta(hours=1)


def job(name, created, status="completed", finished=None):
    """A job of so many seconds after EPOCH."""
    at = [None if each is None else EPOCH + timedelta(seconds=each) for each in (created, finished)]
    return Job(name, "t", status, 1, at[0] or EPOCH, None, at[1], None, None, None)


def place(seconds):
    """As far before it as clocks may differ."""
    return Place(EPOCH_MS + seconds * 1000 - SKEW_MS, 0)


OLD, LAST = job("old", 0, finished=10), job("last", 100, finished=110)
RUNNING, QUEUED = job("running", 200, "running"), job("queued", 210, "queued")


def begun(*jobs, since=None, heard=None, only=False, now=NOW):
    return beginning(jobs, since, now=now, heard=heard, only=only)


@pytest.mark.parametrize("only", [True, False])
def test_it_begins_with_the_run_that_has_not_ended(only):
    passed = frozenset({"old", "last"})
    assert begun(QUEUED, RUNNING, LAST, OLD, only=only) == Beginning(place(200), passed, ended=passed)
    assert begun(job("asks", 300, "interrupted"), only=only) == Beginning(place(300))


def test_between_runs_it_begins_with_the_last_one():
    assert begun(LAST, OLD) == Beginning(place(100), frozenset({"old"}), ended=frozenset({"old"}))


def test_who_watches_for_the_end_alone_is_not_told_that_of_the_last_run():
    both = frozenset({"old", "last"})
    assert begun(LAST, OLD, only=True) == Beginning(place(100), both, ended=both)


def test_but_for_a_moment_they_are_unless_it_was_told_already():
    """They may have asked for it a moment ago, and it was quick."""
    soon = EPOCH + timedelta(seconds=110, milliseconds=FRESH_MS - 1)
    assert begun(LAST, OLD, only=True, now=soon).over == {"old"}
    assert begun(LAST, OLD, only=True, now=soon, heard="old").over == {"old"}
    assert begun(LAST, OLD, only=True, now=soon, heard="last").over == {"old", "last"}
    assert begun(LAST, OLD, only=True, now=soon + timedelta(milliseconds=1)).over == {"old", "last"}


def test_a_thread_without_runs_begins_at_its_beginning():
    assert begun() == begun(only=True) == Beginning(BEGINNING)
    assert begun(since=Place(5, 0)) == Beginning(BEGINNING, since=Place(5, 0))


def test_who_comes_again_is_read_for_from_the_run_that_was_under_way():
    since = Place(EPOCH_MS + 205_000, 3)
    known = frozenset({"old", "last"})
    assert begun(QUEUED, RUNNING, LAST, OLD, since=since) == Beginning(place(200), since=since, ended=known)
    since = Place(EPOCH_MS + 105_000, 0)
    assert begun(RUNNING, LAST, OLD, since=since) == Beginning(
        place(100), since=since, ended=frozenset({"old", "last"})
    )
    assert begun(RUNNING, LAST, since=BEGINNING) == Beginning(BEGINNING)


def test_who_comes_again_after_the_last_run_begins_there_whatever_place_they_name():
    """Others are read to from there: a place in the future would be theirs, too."""
    since = Place(EPOCH_MS + 10**9, 0)
    assert begun(LAST, OLD, since=since) == Beginning(place(100), since=since, ended=frozenset({"old", "last"}))
