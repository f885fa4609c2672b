"""The service behind the API: whoever is told that a job is taken has a job that will run."""

import asyncio
import json

import httpx
import pytest

from executor.api.server import application
from executor.api.service import IdTaken, JobService, NotKnownYet
from executor.api.state import State
from executor.errors import TryAgain
from executor.jobs.agents import Resolved
from executor.jobs.caller import ANYBODY
from executor.jobs.envelope import Invalid
from executor.jobs.job import Message, Origin
from executor.jobs.outcomes import Outcomes
from executor.watch import Watches
from tests.fakes import FakeEntries
from tests.unit.executor.conftest import NATS, event

pytestmark = pytest.mark.anyio

LIMIT = 10_000


@pytest.fixture
def service(world):
    outcomes = Outcomes(NATS, "agent-executor", LIMIT)
    watches = Watches(FakeEntries(), world.ledger, limit=0)
    ends, pods, waits = world.ends, world.pods, world.waits
    return JobService(world.ledger, world.outbox, world.agents, watches, outcomes, world.broker, ends, pods, waits)


def request(service, job_id="j", **changes):
    return service.read({"content-type": "application/cloudevents+json"}, event(job_id, **changes))


async def test_a_job_is_written_down_before_it_is_published_and_marked(world, service):
    await service.submit([request(service)], ANYBODY)
    assert world.journal == [("publish", "j:execute"), ("mark", "j:execute")]
    stored = world.broker.stored["j:execute"]
    assert (stored.subject, stored.body) == ("agent.execute.http", event())
    assert (await world.ledger.job("j")).status == "queued"


@pytest.mark.parametrize("field", ["metadata", "checkpoint_id"])
async def test_a_field_that_a_pod_does_not_know_is_not_taken_yet(world, service, field):
    world.pods.unknown = {field}
    batch = [request(service), request(service, "new", metadata={"by": "me"}, checkpoint_id="c1")]
    with pytest.raises(NotKnownYet):
        await service.submit(batch, ANYBODY)
    assert world.journal == []
    await service.submit(batch[:1], ANYBODY)  # which has none that is new
    world.pods.unknown = set()
    await service.submit(batch, ANYBODY)


async def test_a_field_that_is_not_taken_yet_is_named_with_when_to_come_again(world, service):
    world.pods.unknown = {"metadata"}
    app = application(State(world.metrics, service))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
        headers = {"content-type": "application/cloudevents+json"}
        answer = await http.post("/", content=event(metadata={"by": "me"}), headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "data.metadata: a pod of an earlier release is still there and does not know it",
        "field": "data.metadata",
    }


async def test_a_broker_that_is_away_keeps_nobody_from_being_told_yes(world, service):
    world.broker.down = True
    await service.submit([request(service)], ANYBODY)
    assert [message.id for message in world.ledger.unmarked()] == ["j:execute"]


async def test_a_ledger_that_is_away_takes_nothing(world, service):
    world.ledger.down = {"queue"}
    with pytest.raises(TryAgain):
        await service.submit([request(service)], ANYBODY)
    assert world.broker.stored == {}


async def test_what_a_name_means_is_written_down_with_the_job(world, service):
    world.agents.named["support"] = Resolved("support", "digest", "{}")
    asked = await service.accept(request(service, agent_definition={"agent": "support"}))
    await service.submit([asked], ANYBODY)
    assert world.ledger.rows["j"].resolved == Resolved("support", "digest")
    assert (await world.ledger.job("j")).agent == "support"


async def test_a_name_is_taken_once_every_pod_knows_of_names(world, service):
    world.agents.named["support"] = Resolved("support")
    world.pods.unknown = {"agent_definition.agent"}
    with pytest.raises(NotKnownYet, match=r"data\.agent_definition\.agent: a pod of an earlier release is still there"):
        await service.submit([request(service, agent_definition={"agent": "support"})], ANYBODY)
    for name, known in {"a": {"nodes": [{"id": "a"}], "agent": "support"}, "b": {"graph": "support"}}.items():
        await service.submit([request(service, name, agent_definition=known)], ANYBODY)


async def test_an_id_with_other_content_takes_nothing_and_says_which(world, service):
    await service.submit([request(service, "taken")], ANYBODY)
    batch = [request(service, "good"), request(service, "taken", input_payload={"other": 1})]
    with pytest.raises(IdTaken, match="'taken' belongs to a job with other content") as caught:
        await service.submit(batch, ANYBODY)
    assert caught.value.index == 1
    assert await world.ledger.job("good") is None


@pytest.mark.parametrize(("body", "note"), [(LIMIT, 0), (LIMIT - 500, 500)])
async def test_what_is_too_large_for_a_message_is_kept_and_a_small_one_asks_for_it(world, service, body, note):
    """Headers count too."""
    large = event(input_payload={"x": "x" * (body - len(event()))})
    headers = {"content-type": "application/cloudevents+json", "ce-note": "x" * note}
    await service.submit([service.read(headers, large)], ANYBODY)
    assert list(world.broker.stored) == ["j:wake:0"]
    assert world.ledger.rows["j"].kept == Origin("j", "agent.execute.http", headers, large)


def test_a_size_is_the_body_and_the_header_block():
    message = Message("id", "subject", {"X-Own": "ä"}, b"12345")
    assert message.size == len("NATS/1.0\r\nX-Own: ä\r\n\r\n".encode()) + 5


def test_an_event_that_makes_no_job_is_refused(service):
    with pytest.raises(Invalid, match="id: the event has no id"):
        request(service, attributes={"id": ""})


async def test_who_waits_gets_the_job_once_it_has_ended(world, service):
    await service.submit([request(service)], ANYBODY)
    waiting = asyncio.create_task(service.wait("j", 10))
    await world.process(world.delivery())
    job = await waiting
    assert (job.job_id, job.status) == ("j", "completed")


async def test_who_waits_too_short_gets_nothing(service):
    await service.submit([request(service)], ANYBODY)
    assert await service.wait("j", 0.01) is None


async def test_a_job_that_waits_is_cancelled_here_and_one_that_runs_by_its_worker(world, service):
    await service.submit([request(service, "waits"), request(service, "runs")], ANYBODY)
    await world.claimed("runs")
    await service.cancel("waits", ANYBODY)
    await service.cancel("runs", ANYBODY)
    assert world.told("waits:cancelled") == {"job_id": "waits"}
    assert world.broker.called_off == ["runs"]
    assert [(entry.job, entry.type, entry.data) for entry in world.stream.entries] == [
        ("waits", "end", {"status": "cancelled"})
    ]


async def test_a_job_that_is_cancelled_where_it_waits_is_traced_as_its_message_was(world, service):
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    kept = event("waits", attributes={"traceparent": traceparent})
    await service.submit([service.read({"content-type": "application/cloudevents+json"}, kept)], ANYBODY)
    world.ledger.rows["waits"].kept = Origin("waits", "agent.execute.http", {}, kept)
    await service.cancel("waits", ANYBODY)
    said = json.loads(world.broker.stored["waits:cancelled"].body)
    assert said["traceparent"] == traceparent


async def test_a_job_in_place_of_one_that_waits_tells_that_it_was_cancelled(world, service):
    await service.submit([request(service, "waits", thread_id="t")], ANYBODY)
    world.ledger.rows["waits"].status = "interrupted"
    await service.submit_instead(request(service, "new", thread_id="t"), ANYBODY, waiting=True)
    assert world.told("waits:cancelled") == {"job_id": "waits"}
    assert [(entry.job, entry.type, entry.data) for entry in world.stream.entries] == [
        ("waits", "end", {"status": "cancelled"})
    ]
    assert "new:execute" in world.broker.stored


async def test_a_job_in_place_of_one_that_runs_has_its_worker_told(world, service):
    await service.submit([request(service, "runs", thread_id="t")], ANYBODY)
    world.ledger.rows["runs"].status = "running"
    await service.submit_instead(request(service, "spares", thread_id="t"), ANYBODY, waiting=True)
    assert world.broker.called_off == []
    await service.submit_instead(request(service, "new", thread_id="t"), ANYBODY, waiting=False)
    assert world.broker.called_off == ["runs"]
    assert "new:execute" in world.broker.stored


async def test_a_job_that_is_refused_takes_nobodys_place(world, service):
    await service.submit([request(service, "waits", thread_id="t"), request(service, "taken")], ANYBODY)
    world.ledger.rows["waits"].status = "interrupted"
    with pytest.raises(IdTaken):
        await service.submit_instead(request(service, "taken", thread_id="t"), ANYBODY, waiting=True)
    world.pods.unknown = {"metadata"}
    with pytest.raises(NotKnownYet):
        await service.submit_instead(
            request(service, "new", thread_id="t", metadata={"by": "me"}), ANYBODY, waiting=True
        )
    assert (await world.ledger.job("waits")).status == "interrupted"
