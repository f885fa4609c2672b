"""What is held, what is dropped, what is sent together, and what follows a failure."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from executor.checkpoints.unit import Rows, Unit
from executor.checkpoints.write_buffer import WriteBuffer, Written
from executor.embedded.loopback import wait_until
from executor.errors import LeaseLost, TryAgain
from executor.jobs.claims import Claim

pytestmark = pytest.mark.anyio

CLAIM = Claim("j", 1, 1, 0.0, datetime.now(UTC))
FIRST, SECOND, THIRD = (("t", "", name) for name in ("1", "2", "3"))


@dataclass
class Sent:
    """A committer that answers when it is told to: at once, unless it is slow."""

    units: list[Unit] = field(default_factory=list)
    slow: bool = False
    error: Exception | None = None
    asked: list[asyncio.Future[None]] = field(default_factory=list)

    def commit(self, unit: Unit) -> asyncio.Future[None]:
        self.units.append(unit)
        self.asked.append(asyncio.get_running_loop().create_future())
        if not self.slow:
            self.answer()
        return self.asked[-1]

    def answer(self) -> None:
        for each in self.asked:
            if each.done():
                continue
            if self.error:
                each.set_exception(self.error)
            else:
                each.set_result(None)

    @property
    def rows(self) -> list[tuple[list[str], list[str]]]:
        """The checkpoints and the writes of each unit."""
        return [
            ([row[2] for row in unit.rows.checkpoints], [row[3] for row in unit.rows.writes]) for unit in self.units
        ]


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def buffer(sent: Sent):
    return WriteBuffer(CLAIM, sent.commit, keep_writes=False)


def rows(place):
    return Rows(checkpoints=[(*place, None, b"", b"")])


def written(place, task: str, *channels: str):
    return Written(place, channels or ("x",), lambda: [(*place, task, "", 0, "x", "", b"")])


async def put(buffer: WriteBuffer, place, parent, carried=("x",)):
    await buffer.put(place, parent, rows(place), lambda channels: set(channels) <= set(carried))


async def writing(buffer: WriteBuffer, *each: Written):
    tasks = [asyncio.create_task(buffer.write(one)) for one in each]
    await asyncio.sleep(0)
    return asyncio.gather(*tasks, return_exceptions=True)


async def test_an_inputs_checkpoint_goes_with_the_next_one(buffer: WriteBuffer, sent: Sent):
    await buffer.hold(FIRST, rows(FIRST))
    assert sent.rows == []
    await put(buffer, SECOND, FIRST)
    assert sent.rows == [(["1", "2"], [])]


async def test_an_inputs_checkpoint_that_nothing_follows_goes_alone(buffer: WriteBuffer, sent: Sent):
    await buffer.hold(FIRST, rows(FIRST))

    async def is_sent() -> bool:
        return bool(sent.units)

    await wait_until("it is sent", is_sent, every=0.001)
    assert sent.rows == [(["1"], [])]


async def test_writes_that_the_next_checkpoint_carries_are_never_encoded(buffer: WriteBuffer, sent: Sent):
    await put(buffer, FIRST, ("t", "", None))
    waiting = await writing(buffer, Written(FIRST, ("x",), lambda: pytest.fail("encoded")), written(FIRST, "b"))
    await put(buffer, SECOND, FIRST)
    assert await waiting == [None, None]
    assert sent.rows[1:] == [(["2"], [])]


@pytest.mark.parametrize(
    ("channels", "carried"),
    [(("__interrupt__",), ("x",)), (("x", "delta"), ("x",))],
)
async def test_a_steps_writes_are_kept_together_when_one_is_not_carried(buffer, sent, channels, carried):
    await put(buffer, FIRST, ("t", "", None))
    waiting = await writing(buffer, written(FIRST, "a"), written(FIRST, "b", *channels))
    await put(buffer, SECOND, FIRST, carried)
    assert await waiting == [None, None]
    assert sent.rows[1:] == [(["2"], ["a", "b"])]


async def test_a_steps_writes_are_kept_once_one_was_sent(buffer: WriteBuffer, sent: Sent):
    await put(buffer, FIRST, ("t", "", None))
    early = await writing(buffer, written(FIRST, "early"))
    assert await early == [None]
    late = await writing(buffer, written(FIRST, "late"))
    await put(buffer, SECOND, FIRST)
    assert await late == [None]
    assert sent.rows[1:] == [([], ["early"]), (["2"], ["late"])]


async def test_the_writes_at_a_checkpoint_of_an_earlier_run_are_kept(buffer: WriteBuffer, sent: Sent):
    waiting = await writing(buffer, written(FIRST, "a"))
    await put(buffer, SECOND, FIRST)
    assert await waiting == [None]
    assert sent.rows == [(["2"], ["a"])]


async def test_writes_are_kept_where_that_is_the_setting(sent: Sent):
    keeping = WriteBuffer(CLAIM, sent.commit, keep_writes=True)
    await put(keeping, FIRST, ("t", "", None))
    waiting = await writing(keeping, written(FIRST, "a"))
    await put(keeping, SECOND, FIRST)
    assert await waiting == [None]
    assert sent.rows[1:] == [(["2"], ["a"])]


async def test_the_writes_of_another_namespace_go_along(buffer: WriteBuffer, sent: Sent):
    inner = ("t", "inner", "9")
    waiting = await writing(buffer, written(inner, "a"))
    await put(buffer, SECOND, FIRST)
    assert await waiting == [None]
    assert sent.rows == [(["2"], ["a"])]


async def test_a_reader_waits_for_what_was_handed_over(buffer: WriteBuffer, sent: Sent):
    sent.slow = True
    await buffer.hold(FIRST, rows(FIRST))
    reading = asyncio.create_task(buffer.flush())
    await asyncio.sleep(0)
    assert (sent.rows, reading.done()) == ([(["1"], [])], False)
    sent.answer()
    await reading


async def test_a_checkpoint_waits_for_what_was_sent_before_it(buffer: WriteBuffer, sent: Sent):
    sent.slow = True
    waiting = await writing(buffer, written(FIRST, "a"))
    flushing = asyncio.create_task(buffer.flush())
    await asyncio.sleep(0)
    putting = asyncio.create_task(put(buffer, SECOND, FIRST))
    await asyncio.sleep(0.01)
    assert sent.rows == [([], ["a"])]
    sent.slow = False
    sent.answer()
    await asyncio.gather(waiting, flushing, putting)
    assert sent.rows == [([], ["a"]), (["2"], [])]


async def test_who_waits_also_waits_for_what_is_sent_meanwhile(buffer: WriteBuffer, sent: Sent):
    sent.slow = True
    first = await writing(buffer, written(FIRST, "a"))
    flushing = [asyncio.create_task(buffer.flush())]
    await asyncio.sleep(0)
    second = await writing(buffer, written(FIRST, "b"))
    flushing.append(asyncio.create_task(buffer.flush()))
    await asyncio.sleep(0)
    sent.asked[0].set_result(None)
    await asyncio.sleep(0.01)
    assert [flush.done() for flush in flushing] == [False, False]
    sent.answer()
    await asyncio.gather(first, second, *flushing)


async def test_nothing_is_built_upon_what_failed(buffer: WriteBuffer, sent: Sent):
    sent.error = LeaseLost("j")
    with pytest.raises(LeaseLost):
        await put(buffer, FIRST, ("t", "", None))
    for later in (
        put(buffer, SECOND, FIRST),
        buffer.hold(SECOND, rows(SECOND)),
        buffer.flush(),
    ):
        with pytest.raises(LeaseLost):
            await later
    assert len(sent.units) == 1


async def test_what_fails_behind_the_jobs_back_fails_its_next_checkpoint(buffer: WriteBuffer, sent: Sent):
    sent.error = LeaseLost("j")
    waiting = await writing(buffer, written(FIRST, "a"))
    assert [type(error) for error in await waiting] == [LeaseLost]
    with pytest.raises(LeaseLost):
        await put(buffer, SECOND, FIRST)


async def test_what_cannot_be_encoded_fails_alone(buffer: WriteBuffer, sent: Sent):
    def broken():
        raise TypeError("no bytes")

    waiting = await writing(buffer, Written(FIRST, ("x",), broken), written(FIRST, "b"))
    await buffer.flush()
    assert [type(error) for error in await waiting] == [TypeError, type(None)]
    assert sent.rows == [([], ["b"])]


async def test_a_cancelled_checkpoint_ends_once_it_is_committed(buffer: WriteBuffer, sent: Sent):
    sent.slow = True
    putting = asyncio.create_task(put(buffer, FIRST, ("t", "", None)))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.sleep(0.01)
    assert not putting.done()
    sent.answer()
    with pytest.raises(asyncio.CancelledError):
        await putting


async def test_a_checkpoint_that_is_cancelled_twice_does_not_wait_for_a_database_that_is_away(buffer, sent):
    sent.slow = True
    putting = asyncio.create_task(put(buffer, FIRST, ("t", "", None)))
    for _ in range(2):
        await asyncio.sleep(0)
        putting.cancel()
    done, _ = await asyncio.wait([putting], timeout=1)
    assert done
    sent.error = TryAgain("away")
    sent.answer()  # nobody waits for it any more, and nobody complains


async def test_what_this_run_began_is_known(buffer: WriteBuffer):
    await buffer.hold(FIRST, rows(FIRST))
    await put(buffer, ("t", "inner:1", "2"), ("t", "inner:1", None))
    assert buffer.begun == {("t", ""), ("t", "inner:1")}
