"""Who follows a thread has every entry of it, whatever jobs it has."""

import asyncio
from typing import Any

import pytest

from executor.embedded.loopback import wait_until
from executor.jobs.entries import BEGINNING, Place
from executor.watch import Watches, feed, watches
from tests.fakes import FakeEntries

pytestmark = pytest.mark.anyio


def line(number, job="j"):
    return {"job": job, "attempt": "1", "type": "custom", "node": "", "data": str(number)}


@pytest.fixture
def entries():
    return FakeEntries()


@pytest.fixture
async def room(entries, monkeypatch):
    monkeypatch.setattr(watches, "LINGER_SECONDS", 0.001)
    monkeypatch.setattr(watches, "PAUSE_SECONDS", 0.01)
    nobody: Any = None
    room = Watches(entries, nobody, 3)
    running = asyncio.create_task(room.run())
    yield room
    running.cancel()


async def heard(follower, count):
    """So many entries, and the pages without any before them."""
    found: list[tuple[str, str]] = []
    empty = 0
    while len(found) < count:
        page = await follower.page()
        empty += not page
        found += [(entry.type, entry.fields["data"]) for entry in page]
    return found, empty


def customs(*numbers):
    return [("custom", str(number)) for number in numbers]


async def test_it_is_told_what_there_is_that_it_is_all_and_what_comes(room, entries):
    entries.write(*map(line, range(7)))
    with room.follower("t", BEGINNING) as one:
        assert await heard(one, 7) == (customs(*range(7)), 0)
        assert await one.page() == []
        entries.write(line(7), line(8, "another"))
        assert (await heard(one, 2))[0] == customs(7, 8)
    assert room._feeds == {}


async def test_who_comes_later_and_is_told_from_memory_learns_as_well_when_it_is_all(room, entries):
    with room.follower("t", BEGINNING) as first, room.follower("t", BEGINNING) as second:
        assert await first.page() == []
        entries.write(line(0))
        assert (await heard(first, 1))[0] == customs(0)
        readings = entries.pages
        assert await heard(second, 1) == (customs(0), 0)
        assert (await second.page(), entries.pages) == ([], readings)


async def test_it_begins_at_a_place_that_no_entry_has(room, entries):
    entries.write(*map(line, range(3)))
    with room.follower("t", Place(2, 5)) as one:
        assert await heard(one, 1) == (customs(2), 0)


async def test_what_is_lost_is_a_gap(room, entries, monkeypatch):
    monkeypatch.setattr(feed, "HELD_CHARACTERS", 60)
    with room.follower("t", BEGINNING) as slow, room.follower("t", BEGINNING) as quick:
        entries.write(line(0))
        assert (await heard(slow, 1))[0] == customs(0)
        entries.write(*map(line, range(1, 30)))
        await heard(quick, 30)
        del entries.streams["t"][:25]
        assert (await heard(slow, 6))[0] == [("gap", '{"after":"1-0"}'), *customs(*range(25, 30))]


async def test_to_give_up_waiting_loses_nothing(room, entries):
    with room.follower("t", BEGINNING) as one:
        assert await one.page() == []
        waiting = asyncio.create_task(one.page())
        await asyncio.sleep(0)
        waiting.cancel()
        entries.write(line(0))
        assert (await heard(one, 1))[0] == customs(0)


async def test_while_dragonfly_is_away_it_waits_and_goes_on_where_it_was(room, entries):
    entries.write(line(0))
    with room.follower("t", BEGINNING) as one:
        assert (await heard(one, 1))[0] == customs(0)
        assert await one.page() == []
        entries.down = True
        entries.write()
        readings = entries.readings

        async def is_tried_again():
            return entries.readings > readings + 1

        await wait_until("Dragonfly is asked again", is_tried_again)
        entries.down = False
        entries.write(line(1))
        assert (await heard(one, 1))[0] == customs(1)
