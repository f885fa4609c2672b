"""What a feed holds, whatever comes and however much."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from executor.jobs.entries import BEGINNING, Place, StreamEntry
from executor.watch import feed as feeds
from executor.watch.feed import Feed
from tests.unit.executor.watch.conftest import job


def entry(number, characters=0):
    return StreamEntry(Place(number, 0), {"job": "j", "data": "x" * characters})


def began():
    feed = Feed("t", lambda: None)
    feed.begin(BEGINNING)
    return feed


@given(st.lists(st.lists(st.integers(0, 30_000), min_size=1, max_size=5), max_size=10), st.integers(0, 50))
def test_whoever_is_told_by_a_feed_misses_nothing_and_it_holds_no_more_than_it_may(sizes, number):
    feed = began()
    stream: list[StreamEntry] = []
    for page in sizes:
        entries = [entry(len(stream) + index, size) for index, size in enumerate(page, 1)]
        stream += entries
        feed.take(entries)
    told, place = feed.after(Place(number, 0)), Place(number, 0)
    held = feed.after(feed.since)
    assert sum(each.size for each in held) <= feeds.HELD_CHARACTERS
    assert told == (None if place < feed.since else [each for each in stream if each.place > place])


def test_an_entry_larger_than_all_that_may_be_held_is_held_alone():
    feed = began()
    feed.take([entry(1), entry(2, feeds.HELD_CHARACTERS + 1)])
    assert (feed.after(Place(1, 0)), feed.after(BEGINNING)) == ([entry(2, feeds.HELD_CHARACTERS + 1)], None)


def test_a_feed_that_stopped_holds_nothing_until_it_begins_anew():
    feed = began()
    feed.take([entry(1)])
    feed.stop()
    stopped = feed.after(Place(1, 0))
    feed.begin(Place(5, 0))
    assert (stopped, feed.after(Place(1, 0)), feed.after(Place(5, 0))) == (None, None, [])


def test_a_feed_that_has_begun_stays_where_it_is():
    calls = []
    feed = Feed("t", lambda: calls.append("begun"))
    feed.begin(Place(1, 0))
    feed.begin(Place(7, 0))
    assert (feed.since, feed.last, calls) == (Place(1, 0), Place(1, 0), ["begun"])


def test_a_job_is_silent_that_goes_on_and_of_which_nothing_was_heard_since_it_was_asked():
    feed = began()
    with feed.watched(job("j")), feed.watched(job("ended", status="completed")):
        asked = [feed.silent(), feed.silent()]
        feed.take([entry(1)])
        asked.append(feed.silent())
    assert (asked, feed.silent(), feed.jobs) == ([[], ["j"], []], [], {})


def test_a_job_that_nobody_watches_any_more_is_not_noted():
    feed = began()
    with feed.watched(job("j")):
        feed.note(replace(job("j"), status="completed"))
        noted = feed.jobs["j"].status
    feed.note(job("j"))
    assert (noted, feed.jobs) == ("completed", {})
