"""Who watches is told each entry once and in order, whenever they came and however slow they are."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.errors import TryAgain
from executor.jobs.entries import BEGINNING, Place
from executor.watch import feed, watcher
from tests.unit.executor.conftest import until_true
from tests.unit.executor.watch.conftest import LIMIT, Heard, Room, end, job, line

pytestmark = pytest.mark.anyio

END = ("end", "0")


def customs(*numbers):
    return [("custom", str(number)) for number in numbers]


async def test_who_comes_late_is_told_all_from_the_stream_and_all_that_follows(room):
    room.entries.write(*map(line, range(10)))
    heard: Heard = []
    telling = asyncio.create_task(room.told(job(), heard=heard))
    await until_true(lambda: len(heard) == 10)
    room.entries.write(line(10))
    await until_true(lambda: len(heard) == 11)
    room.entries.write(line(11), end())
    assert await telling == [*customs(*range(12)), END]


async def test_a_thousand_watchers_read_an_entry_once_and_never_ask_the_ledger(room):
    heard: list[Heard] = [[] for _ in range(1000)]
    telling = [asyncio.create_task(room.told(job(), heard=each)) for each in heard]
    room.entries.write(line(0))
    await until_true(lambda: all(each == customs(0) for each in heard))
    pages, readings = room.entries.pages, room.entries.readings
    room.entries.write(line(1), end())
    assert await asyncio.gather(*telling) == [[*customs(0, 1), END]] * 1000
    assert (room.entries.pages - pages, room.entries.readings - readings <= 2, room.jobs.asked) == (0, True, [])


async def test_an_entry_is_encoded_once_for_all_who_watch(room):
    room.entries.write(line(0), end())

    async def encoded():
        with room.watches.watcher(job(), BEGINNING) as one:
            return [entry.server_sent async for page in one.pages() for entry in page]

    own = [entry.server_sent for entry in room.entries.streams["t"]]
    assert all(mine is theirs for mine, theirs in zip(own, await encoded(), strict=True))


async def test_jobs_of_other_threads_and_of_the_same_are_told_apart(room):
    telling = [asyncio.create_task(room.told(each)) for each in (job("a", "one"), job("b", "one"), job("c", "two"))]
    room.entries.write(line(1, "a"), line(2, "b"), end("a"), thread="one")
    room.entries.write(line(3, "c"), end("c"), thread="two")
    room.entries.write(line(4, "b"), end("b"), thread="one")
    assert await asyncio.gather(*telling) == [[*customs(1), END], [*customs(2, 4), END], [*customs(3), END]]


async def test_who_goes_on_from_a_place_is_told_what_follows_it(room):
    room.entries.write(*map(line, range(5)), end())
    assert await room.told(job(), after=Place(3, 0)) == [*customs(3, 4), END]


@pytest.mark.parametrize("place", [Place(2, 7), Place(0, 1)])
async def test_who_goes_on_from_a_place_that_is_gone_is_told_of_a_gap(room, place):
    room.entries.write(*map(line, range(2)), line(2), end())
    rest = customs(*range(place.milliseconds, 3))
    assert await room.told(job(), after=place) == [("gap", f'{{"after":"{place}"}}'), *rest, END]


async def test_a_slow_watcher_holds_up_nobody_and_catches_up_from_the_stream(room, monkeypatch):
    monkeypatch.setattr(feed, "HELD_CHARACTERS", 60)
    with room.watches.watcher(job(), BEGINNING) as slow:
        pages = slow.pages()
        room.entries.write(line(0))
        first = await anext(pages)
        room.entries.write(*map(line, range(1, 30)), end())
        assert await room.told(job()) == [*customs(*range(30)), END]
        rest = [entry.fields["data"] async for page in pages for entry in page]
    assert [entry.fields["data"] for entry in first] + rest == [*map(str, range(30)), "0"]


async def test_a_slow_watcher_is_told_of_a_gap_where_the_stream_has_lost_what_follows(room, monkeypatch):
    monkeypatch.setattr(feed, "HELD_CHARACTERS", 60)
    with room.watches.watcher(job(), BEGINNING) as slow:
        pages = slow.pages()
        room.entries.write(line(0))
        await anext(pages)
        room.entries.write(*map(line, range(1, 30)), end())
        await room.told(job())
        del room.entries.streams["t"][:25]
        rest = [(entry.type, entry.fields["data"]) async for page in pages for entry in page]
    assert rest == [("gap", '{"after":"1-0"}'), *customs(*range(25, 30)), END]


async def test_a_job_that_ended_without_an_end_in_its_stream_gets_one(room):
    room.entries.write(line(0))
    told = await room.told(job(status="failed"))
    assert told == [*customs(0), ("gap", '{"after":"1-0"}'), ("end", '{"status":"failed"}')]


async def test_the_last_words_of_a_job_that_has_ended_are_waited_for(room, monkeypatch):
    monkeypatch.setattr(watcher, "LAST_WORDS", 60)
    telling = asyncio.create_task(room.told(job(status="completed")))
    await until_true(lambda: room.entries.readings)
    room.entries.write(line(0), end())
    assert await telling == [*customs(0), END]


@pytest.mark.usefixtures("_often")
async def test_the_ledger_is_asked_of_a_silent_job_once_for_all_and_its_end_is_told(room):
    heard: list[Heard] = [[], []]
    telling = [asyncio.create_task(room.told(job(), heard=each)) for each in heard]
    await until_true(lambda: room.jobs.asked)
    asked_together = len(room.jobs.asked)
    room.jobs.known["j"] = job(status="cancelled")
    end_made = [("gap", '{"after":"0-0"}'), ("end", '{"status":"cancelled"}')]
    assert (asked_together, await asyncio.gather(*telling)) == (1, [end_made, end_made])


@pytest.mark.usefixtures("_often")
async def test_a_ledger_that_is_away_ends_nothing(room):
    room.jobs.down = True
    telling = asyncio.create_task(room.told(job()))
    await until_true(lambda: len(room.jobs.asked) > 1)
    room.entries.write(line(0), end())
    assert await telling == [*customs(0), END]


async def test_while_dragonfly_is_away_who_watches_waits_and_goes_on_where_they_were(room):
    heard: Heard = []
    telling = asyncio.create_task(room.told(job(), heard=heard))
    room.entries.write(line(0))
    await until_true(lambda: heard == customs(0))
    room.entries.down = True
    room.entries.write()
    readings = room.entries.readings
    await until_true(lambda: room.entries.readings > readings + 1)
    room.entries.down = False
    room.entries.write(line(1), end())
    assert await telling == [*customs(0, 1), END]


async def test_what_dragonfly_lost_while_it_was_away_is_a_gap(room):
    heard: Heard = []
    telling = asyncio.create_task(room.told(job(), heard=heard))
    room.entries.write(line(0))
    await until_true(lambda: heard == customs(0))
    room.entries.down = True
    room.entries.write()
    readings = room.entries.readings
    await until_true(lambda: room.entries.readings > readings + 1)
    room.entries.write(line(1), line(2), end())
    del room.entries.streams["t"][:2]
    room.entries.down = False
    assert await telling == [*customs(0), ("gap", '{"after":"1-0"}'), *customs(2), END]


async def test_who_comes_while_dragonfly_is_away_is_told_all_once_it_is_back(room):
    room.entries.write(line(0))
    room.entries.down = True
    telling = asyncio.create_task(room.told(job()))
    await until_true(lambda: room.entries.readings > 1)
    room.entries.down = False
    room.entries.write(line(1), end())
    assert await telling == [*customs(0, 1), END]


async def test_now_and_then_who_watches_has_a_sign_of_life(room):
    with room.watches.watcher(job(), BEGINNING) as one:
        pages = one.pages()
        assert [await anext(pages), await anext(pages)] == [[], []]
        await pages.aclose()


async def test_where_a_stream_ends_is_known_as_far_as_it_can_be_read(room):
    assert await room.watches.last("t") == BEGINNING
    room.entries.write(*[line(number) for number in range(7)])
    assert await room.watches.last("t") == room.entries.streams["t"][-1].place
    room.entries.down = True
    assert await room.watches.last("t") == BEGINNING


def test_as_many_watch_as_may_and_a_seat_is_free_again():
    watches = Room().watches
    seats = [watches.seat() for _ in range(LIMIT + 1)]
    for seat in seats[:LIMIT]:
        seat.__enter__()
    with pytest.raises(TryAgain, match="EXECUTOR_WATCHERS"):
        seats[LIMIT].__enter__()
    seats[0].__exit__(None, None, None)
    with watches.seat():
        pass


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), max_size=8), st.integers(0, 12))
def test_whenever_one_comes_nothing_is_told_twice_and_nothing_left_out(writes, moment):
    async def watched():
        room = Room()
        running = asyncio.create_task(room.watches.run())
        numbers = iter(range(100))
        telling = [asyncio.create_task(room.told(job("a")))]
        for step in range(13):
            if step == moment:
                telling.append(asyncio.create_task(room.told(job("a"))))
            if step < len(writes):
                room.entries.write(*(line(next(numbers), name) for name in writes[step]))
            await asyncio.sleep(0)
        room.entries.write(end("a"))
        told = await asyncio.gather(*telling)
        running.cancel()
        return told

    names = [name for names in writes for name in names]
    expected = [*customs(*(number for number, name in enumerate(names) if name == "a")), END]
    assert asyncio.run(watched()) == [expected, expected]
