"""Keys are read once for all who ask, kept while they are fresh, and for a while where their source is away."""

import asyncio

import pytest
from structlog.testing import capture_logs

from executor.access.key_ring import KEPT_SECONDS, KeyRing
from executor.access.sources import LARGEST, FileSource
from executor.errors import TryAgain
from tests.tokens import jwk, key_set

pytestmark = pytest.mark.anyio

OLD, NEW = key_set(jwk("ES256", "old")), key_set(jwk("ES256", "new"))
FRESH, PAUSE = 300.0, 30.0


class Shelf:
    """A source whose document is set, or away."""

    place, fresh_seconds, pause_seconds = "shelf", FRESH, PAUSE

    def __init__(self):
        self.document = OLD
        self.reads = 0
        self.slow = None

    async def read(self):
        self.reads += 1
        if self.slow is not None:
            await self.slow.wait()
        if self.document is None:
            raise TryAgain("away")
        return self.document


class World:
    def __init__(self):
        self.now = 1000.0
        self.shelf = Shelf()
        self.ring = KeyRing(self.shelf, lambda: self.now)

    async def finds(self, key_id):
        return await self.ring.find(key_id) is not None


@pytest.fixture
def world():
    return World()


async def test_keys_are_read_when_the_first_asks_and_again_when_they_are_old(world):
    assert world.shelf.reads == 0
    assert [await world.finds("old") for _ in range(3)] == [True] * 3
    world.now += FRESH - 1
    assert (await world.finds("old"), world.shelf.reads) == (True, 1)
    world.now += 1
    world.shelf.document = NEW
    assert ([await world.finds("old"), await world.finds("new")], world.shelf.reads) == ([False, True], 2)


async def test_an_unknown_key_has_them_read_again_once_in_half_a_minute(world):
    assert await world.finds("old")
    world.now += PAUSE
    world.shelf.document = NEW
    assert (await world.finds("new"), world.shelf.reads) == (True, 2)
    assert ([await world.finds(f"unknown-{n}") for n in range(50)], world.shelf.reads) == ([False] * 50, 2)
    world.now += PAUSE
    assert ([await world.finds(f"unknown-{n}") for n in range(50)], world.shelf.reads) == ([False] * 50, 3)


async def test_however_many_ask_at_once_they_are_read_once_and_who_goes_takes_nobody_along(world):
    world.shelf.slow = asyncio.Event()
    asked = [asyncio.create_task(world.finds("old")) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.sleep(0)
    world.shelf.slow.set()
    assert await asyncio.gather(*asked[1:]) == [True] * 19
    assert world.shelf.reads == 1


async def test_what_is_known_goes_on_while_the_source_is_away_but_not_for_ever(world):
    assert await world.finds("old")
    world.shelf.document = None
    world.now += FRESH
    assert ([await world.finds("old") for _ in range(5)], world.shelf.reads) == ([True] * 5, 2)
    with pytest.raises(TryAgain):  # it may be a new one
        await world.finds("new")
    world.now += KEPT_SECONDS - FRESH - 1
    assert await world.finds("old")
    world.now += 1
    with pytest.raises(TryAgain):
        await world.finds("old")
    world.shelf.document = OLD
    world.now += PAUSE
    assert await world.finds("old")


async def test_a_source_that_is_not_there_yet_is_asked_again_in_a_moment(world):
    world.shelf.document = None
    for _ in range(5):
        with pytest.raises(TryAgain):
            await world.finds("old")
    assert world.shelf.reads == 1
    world.shelf.document = OLD
    world.now += 1
    assert (await world.finds("old"), world.shelf.reads) == (True, 2)


@pytest.mark.parametrize("broken", [b"", b"<html>", b"{}", b'{"keys": 5}'])
async def test_what_is_no_key_set_leaves_the_known_keys_and_is_logged(world, broken):
    assert await world.finds("old")
    world.shelf.document = broken
    world.now += FRESH
    with capture_logs() as logs:
        assert await world.finds("old")
    assert [entry["event"] for entry in logs] == ["keys of an issuer not read"]


async def test_a_set_without_a_key_takes_the_known_ones_away(world):
    assert await world.finds("old")
    world.shelf.document = key_set()
    world.now += FRESH
    assert not await world.finds("old")


@pytest.fixture
def folder(tmp_path):
    """A folder as a kubelet keeps a ConfigMap in it: the file leads by way of one link, which is replaced."""
    publish(tmp_path, OLD)
    (tmp_path / "jwks.json").symlink_to("..data/jwks.json")
    return tmp_path


def publish(folder, document):
    version = folder / f"version-{len(list(folder.iterdir()))}"
    version.mkdir()
    (version / "jwks.json").write_bytes(document)
    (folder / "..new").symlink_to(version.name)
    (folder / "..new").rename(folder / "..data")


async def test_keys_in_a_file_are_read_again_when_it_is_replaced(folder):
    now = 0.0
    ring = KeyRing(FileSource(str(folder / "jwks.json")), lambda: now)
    assert await ring.find("old")
    publish(folder, NEW)
    now += 1
    assert [await ring.find("old"), bool(await ring.find("new"))] == [None, True]


async def test_a_file_that_is_not_there_or_too_large_holds_no_keys(tmp_path):
    missing = FileSource(str(tmp_path / "jwks.json"))
    with pytest.raises(TryAgain, match="No such file"):
        await missing.read()
    (tmp_path / "jwks.json").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(TryAgain, match="larger"):
        await missing.read()
