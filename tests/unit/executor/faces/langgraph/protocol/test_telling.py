"""One who watches a thread is told of it for as long as they want."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from executor.errors import TryAgain
from executor.faces.langgraph.protocol import telling
from executor.faces.langgraph.protocol.beginning import Beginning
from executor.faces.langgraph.protocol.subscription import Subscription
from executor.faces.langgraph.protocol.telling import AT_ONCE, Heard, Telling
from executor.jobs.entries import BEGINNING, Place, StreamEntry
from executor.jobs.job import Job
from executor.jobs.states import Spot, ThreadState
from tests.fakes import EPOCH
from tests.unit.executor.faces.langgraph.protocol.entries import asks, begins, checkpoint, ends, entry

pytestmark = pytest.mark.anyio

ALL = ["values", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom", "updates"]


@dataclass
class World:
    """Pages that one is told, in order; an empty one is the end of what there was. Then silence."""

    pages: list[list[StreamEntry]]
    jobs_known: list[Job] = field(default_factory=list)
    looks: list[Job] = field(default_factory=list)
    current_checkpoint: str | None = None
    down: bool = False
    read: list[str] = field(default_factory=list)
    place: Place = BEGINNING

    async def page(self):
        if not self.pages:
            await asyncio.Event().wait()
        page = self.pages.pop(0)
        self.place = page[-1].place if page else self.place
        return page

    async def job(self, job_id):
        if self.looks:
            return self.looks.pop(0)
        return next((job for job in self.jobs_known if job.job_id == job_id), None)

    async def jobs(self, limit, only):
        assert (limit, only.thread_id) == (50, "t")
        return self.jobs_known

    async def current(self, thread_id):
        self._must_be_up()
        values = {"at": self.current_checkpoint}
        return ThreadState(Spot(thread_id, "", self.current_checkpoint), values, metadata={"step": 1})

    async def values(self, thread_id, checkpoint_id, ns):
        assert (thread_id, ns) == ("t", "")
        self._must_be_up()
        self.read.append(checkpoint_id)
        return None if checkpoint_id == "not there" else {"at": checkpoint_id}

    def _must_be_up(self):
        if self.down:
            raise TryAgain("Postgres is away")


def job(name, status, **result):
    return Job(name, "t", status, 1, EPOCH, None, EPOCH if status == "failed" else None, None, result or None, None)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(telling, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0)


async def told(world, channels=ALL, begin=Beginning(BEGINNING), heard=None, beats=1):  # noqa: B008 - it is frozen
    """The method and the data of each event, until it has been silent for so long."""
    one = Telling(
        "t",
        Subscription.model_validate({"channels": channels}),
        begin,
        register=world,
        states=world,
        heard=heard or Heard(),
    )
    chunks = one.chunks(world)
    assert await anext(chunks) == AT_ONCE
    found = []
    async for chunk in chunks:
        lines = chunk.decode().split("\n")
        found += [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        beats -= b": beat" in chunk
        if not beats:
            break
    await chunks.aclose()
    assert len({event["event_id"] for event in found}) == len(found)
    return [(event["method"], event["params"]["data"]) for event in found]


RUNNING, COMPLETED = (("lifecycle", {"event": word}) for word in ("running", "completed"))
QUESTION = ("input.requested", {"interrupt_id": "i", "value": "Sure?", "payload": "Sure?"})
PAUSED = ("lifecycle", {"event": "interrupted"})
RUN = ["lifecycle", "input", "values"]


async def test_values_are_read_once_for_a_checkpoint_and_the_last_of_a_page():
    world = World([[begins(1), checkpoint(2, "a"), checkpoint(3, "b")], [], [checkpoint(4, "c"), ends(5)]])
    assert await told(world, RUN) == [
        RUNNING,
        ("values", {"at": "b"}),
        ("values", {"at": "c"}),
        COMPLETED,
    ]
    assert world.read == ["b", "c"]


async def test_values_that_are_not_there_yet_are_told_before_the_end():
    world = World([[begins(1), checkpoint(2, "not there")], []])
    assert await told(world, RUN) == [RUNNING]


async def test_nothing_is_read_for_those_who_want_no_values():
    world = World([[begins(1), checkpoint(2, "a"), ends(3)], []])
    assert await told(world, ["lifecycle"]) == [RUNNING, COMPLETED]
    assert world.read == []


async def test_where_a_thread_stands_is_told_first_and_what_is_older_is_not_told_after_it():
    world = World([[begins(1), checkpoint(2, "a"), checkpoint(3, "b")], [], [checkpoint(4, "c")]])
    world.current_checkpoint = "b"
    assert await told(world, RUN) == [("values", {"at": "b"}), RUNNING, ("values", {"at": "c"})]


async def test_while_postgres_is_away_no_values_are_told_and_all_the_rest_is():
    world = World([[begins(1), checkpoint(2, "a"), ends(3)], []], down=True)
    assert await told(world, RUN) == [RUNNING, COMPLETED]


async def test_the_entries_of_runs_that_are_over_are_passed_over():
    world = World([[begins(1, "old"), ends(2, job="old"), begins(3), ends(4)], []])
    assert await told(world, RUN, Beginning(BEGINNING, over=frozenset({"old"}))) == [RUNNING, COMPLETED]


async def test_a_question_that_was_answered_in_what_is_read_again_is_not_asked():
    asking = job("j", "interrupted", interrupts=[{"id": "k", "value": "Sure?"}])
    world = World([[begins(1), asks(2, "i")], [begins(3), asks(4, "k")], []], [asking])
    question = QUESTION[1] | {"interrupt_id": "k"}
    assert await told(world, RUN) == [RUNNING, RUNNING, ("input.requested", question), PAUSED]


async def test_later_a_question_is_told_once_the_ledger_knows_it():
    running, asking = job("j", "running"), job("j", "interrupted", interrupts=[{"id": "i", "value": "Sure?"}])
    world = World([[], [begins(1), asks(2, "i")], [begins(3), ends(4)]], looks=[running, running, asking])
    assert await told(world, RUN) == [RUNNING, QUESTION, PAUSED, RUNNING, COMPLETED]


async def test_a_question_that_is_asked_again_and_answered_already_is_not_told():
    """Of two that were asked at once the second was answered before the run had gone on with the first."""
    world = World([[], [begins(1), asks(2, "i"), begins(3), ends(4)]], [job("j", "queued")])
    assert QUESTION not in await told(world, RUN)


async def test_who_comes_again_is_told_from_there_and_a_message_goes_on_where_it_was():
    pieces = [entry(at, "token", {"id": "m", "text": str(at)}) for at in (2, 3)]
    world = World([[begins(1), *pieces], []])
    [(method, data)] = await told(world, begin=Beginning(BEGINNING, since=Place(3, 0)))
    assert (method, data["event"], data["delta"]) == (
        "messages",
        "content-block-delta",
        {"type": "text-delta", "text": "3"},
    )


async def test_where_what_they_had_seen_is_lost_they_are_told_where_the_thread_stands():
    world = World([[begins(5)], []], current_checkpoint="b")
    assert await told(world, RUN, Beginning(BEGINNING, since=Place(4, 0))) == [("values", {"at": "b"}), RUNNING]


async def test_a_gap_is_followed_by_where_the_thread_stands():
    world = World([[begins(1)], [], [entry(2, "gap", {"dropped": 3}), ends(3)]])
    world.current_checkpoint = "a"
    told_of = await told(world, RUN)
    assert told_of == [("values", {"at": "a"}), RUNNING, COMPLETED]
    world = World([[begins(1)], [], [entry(2, "gap", {"dropped": 3}), ends(3)]])
    assert await told(world, RUN) == [RUNNING, COMPLETED]


async def test_a_failure_is_told_with_its_reason():
    failed = Job("j", "t", "failed", 1, EPOCH, None, EPOCH, None, None, {"type": "ValueError", "message": "no"})
    world = World([[begins(1), ends(2, "failed")], []], [failed])
    assert await told(world, RUN) == [RUNNING, ("lifecycle", {"event": "failed", "error": "no"})]


async def test_what_the_stream_has_lost_the_ledger_tells():
    asking = job("j", "interrupted", interrupts=[{"id": "i", "value": "Sure?"}])
    assert await told(World([[]], [asking]), RUN) == [QUESTION, PAUSED]
    assert await told(World([[begins(1), asks(2, "i")], []], [asking]), RUN) == [RUNNING, QUESTION, PAUSED]
    failed = Job("j", "t", "failed", 1, EPOCH, None, EPOCH, None, None, None)
    assert await told(World([[begins(1)], []], [failed]), RUN) == [RUNNING, ("lifecycle", {"event": "failed"})]
    old = Beginning(BEGINNING, ended=frozenset({"j"}))
    assert await told(World([[]], [failed]), RUN, old) == []


async def test_it_is_noted_which_end_those_were_told_who_watch_for_it():
    heard = Heard()
    await told(World([[begins(1), ends(2)], []]), ["values", "lifecycle"], heard=heard)
    assert heard.last("t") is None
    await told(World([[begins(1), ends(2)], []]), ["lifecycle", "input"], heard=heard)
    assert heard.last("t") == "j"


def test_of_many_threads_the_latest_are_noted(monkeypatch):
    monkeypatch.setattr(telling, "KNOWN_THREADS", 2)
    heard = Heard()
    for thread in "abc":
        heard.note(thread, "j")
    assert [heard.last(thread) for thread in "abc"] == [None, "j", "j"]


async def test_there_is_a_sign_of_life_now_and_then_and_the_ledger_is_asked_seldom(monkeypatch):
    world = World([[]])
    asked = []
    monkeypatch.setattr(world, "jobs_known", [])

    async def jobs(*more):
        asked.append(more)
        return []

    monkeypatch.setattr(world, "jobs", jobs)
    assert await told(world, beats=telling.LOOK_BEATS) == []
    assert len(asked) == 2
