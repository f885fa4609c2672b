"""Whatever a job says or fails with, it ends, and over HTTP everybody can read how."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor.agents.state import as_json
from executor.api.server import application
from executor.api.service import JobService
from executor.api.state import State
from executor.jobs.entries import Entry, EntryBody
from executor.jobs.job import Completed
from executor.jobs.outcomes import Outcomes
from executor.watch import Watches
from tests.fakes import FakeEntries, fails
from tests.unit.executor.conftest import MAX_ATTEMPTS, NATS, World

pytestmark = pytest.mark.anyio

ODD = st.text(st.characters() | st.sampled_from("\ud800\udfff\0ä🙂"))


class Silent(Exception):
    """It cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def client(world, *before):
    outcomes = Outcomes(NATS, "agent-executor", 1_000_000)
    entries = FakeEntries()
    entries.write(*before, *[entry.fields() for entry in world.stream.entries], thread="j")
    watches = Watches(entries, world.ledger, limit=1)
    ends, pods, waits = world.ends, world.pods, world.waits
    parts = (world.ledger, world.outbox, world.agents, watches, outcomes, world.broker, ends, pods, waits)
    app = application(State(world.metrics, JobService(*parts)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def seen(world, *before):
    """What people see of the job, in the list, alone and in its events."""
    async with client(world, *before) as http:
        listed, alone, events = [await http.get(path) for path in ("/jobs", "/jobs/j", "/jobs/j/events")]
    [job] = json.loads(listed.content.decode())["jobs"]
    assert (listed.status_code, alone.status_code, events.status_code) == (200, 200, 200)
    assert job == alone.json()
    lines = [line for line in events.content.decode().split("\n") if line.startswith("data: ")]
    return job, [json.loads(line.removeprefix("data: ")) for line in lines]


def says(value):
    async def act(run):
        run.emit(EntryBody("custom", "", as_json(value)))
        return Completed(value if isinstance(value, str) else None, as_json({"said": value}))

    return act


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(said=ODD | st.dictionaries(ODD, ODD | st.binary() | st.builds(Silent)))
async def test_any_value_is_read_over_http(said):
    world = World()
    world.agents.acts["j"] = [says(said)]
    await world.process(world.delivery())
    job, [_, custom, end] = await seen(world)
    assert (job["status"], job["attempts"]) == ("completed", 1)
    assert world.told("j:completed")["result"] == job["result"]
    assert custom["data"] == job["result"]["final_state"]["said"]
    assert end["data"] == {"status": "completed"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(error=st.builds(ValueError, ODD) | st.builds(Silent))
async def test_any_error_ends_its_job_after_its_attempts(error):
    world = World()
    world.agents.acts["j"] = [fails(error)]
    for _ in range(MAX_ATTEMPTS):
        await world.process(world.delivery())
    job, entries = await seen(world)
    assert (job["status"], job["error"]["attempts"]) == ("failed", MAX_ATTEMPTS)
    assert world.told("j:failed")["error"] == job["error"]
    assert entries[-1]["data"] == {"status": "failed"}


async def test_what_the_ledger_kept_from_before_does_not_break_the_list(world):
    world.agents.acts["j"] = [says("half \ud800")]
    await world.process(world.delivery())
    assert world.ledger.rows["j"].outcome.result["output"] == "half \ud800"
    job, _ = await seen(world)
    assert job["result"]["output"] == "half \ufffd"


async def test_an_entry_from_before_does_not_break_who_watches(world):
    await world.process(world.delivery())
    before = Entry("j", "j", 1, "token", "", None).fields() | {"data": '{"text": "half \\ud83d"}'}
    _, [token, *_] = await seen(world, before)
    assert token["data"] == {"text": "half \ufffd"}
