"""A worker in a world in memory."""

import json
from dataclasses import dataclass, field

import pytest

from contract import EXECUTE_TYPE
from executor.api.waits import Waits
from executor.embedded.loopback import wait_until
from executor.jobs.claims import Claim
from executor.jobs.events import parse
from executor.jobs.outcomes import Outcomes
from executor.settings import NatsSettings, WorkerSettings
from executor.telemetry import Metrics
from executor.worker.admission import Admission, origin_of
from executor.worker.leases import Held, Leases
from executor.worker.outbox import Outbox
from executor.worker.processor import Processor
from executor.worker.stream_ends import StreamEnds
from executor.worker.thread_order import ThreadOrder
from executor.worker.worker import Worker
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeAgents, FakeBroker, FakeDelivery, FakePods, FakeStream, Journal

NATS = NatsSettings.read(
    {"NATS_URL": "nats://nats:4222", "NATS_STREAM_NAME": "AGENT_EXECUTION", "NATS_CONSUMER_GROUP": "workers"}
)
MAX_ATTEMPTS = 3
SECRET = "sk-secret"


@dataclass
class World:
    """All fakes, and what is made of them; `journal` is what was done to them, in order."""

    journal: Journal = field(default_factory=list)

    def __post_init__(self):
        self.broker = FakeBroker(self.journal)
        self.ledger = FakeLedger(self.journal)
        self.agents = FakeAgents()
        self.pods = FakePods()
        self.stream = FakeStream()
        self.metrics = Metrics()
        self.leases = Leases(self.ledger)
        outcomes = Outcomes(NATS, "agent-executor", 1_000_000)
        self.waits = Waits(self.ledger, self.broker)
        self.outbox = Outbox(self.broker, self.ledger, outcomes.wake, self.waits.tell)
        self.ends = StreamEnds(self.stream, self.stream)
        admission = Admission(
            ledger=self.ledger,
            room=self.ledger,
            outbox=self.outbox,
            outcomes=outcomes,
            thread_order=ThreadOrder(self.broker, self.ledger),
            stream_ends=self.ends,
            agents=self.agents,
        )
        self.processor = Processor(
            admission=admission,
            broker=self.broker,
            ledger=self.ledger,
            outbox=self.outbox,
            leases=self.leases,
            agents=self.agents,
            progress=self.stream,
            stream_ends=self.ends,
            outcomes=outcomes,
            metrics=self.metrics,
            settings=WorkerSettings.read({"EXECUTOR_MAX_ATTEMPTS": str(MAX_ATTEMPTS)}),
            scrub=lambda text: text.replace(SECRET, "***"),
        )

    def worker(self, concurrency=5, drain_seconds=1.0):
        return Worker(self.broker, self.leases, self.processor, concurrency=concurrency, drain_seconds=drain_seconds)

    def delivery(self, job_id="j", sequence=1, **changes):
        return FakeDelivery(event(job_id, **changes), self.journal, {"X-Own": "kept"}, sequence)

    def deliver(self, *job_ids):
        """Put a delivery of each job in the broker's row."""
        for sequence, job_id in enumerate(job_ids, 1):
            self.broker.waiting.append(self.delivery(job_id, sequence))

    async def claimed(self, job_id="j", sequence=1):
        """A job that this worker owns, not begun yet."""
        delivery = self.delivery(job_id, sequence)
        job = parse(delivery.headers, delivery.body)
        claim = await self.ledger.claim(job.identity(sequence))
        assert isinstance(claim, Claim)
        return Held(delivery, claim, job, origin_of(delivery))

    async def process(self, *deliveries):
        """Process one delivery after the other; returns what was done."""
        begin = len(self.journal)
        for delivery in deliveries:
            await self.processor.process(delivery)
        return self.journal[begin:]

    def told(self, event_id):
        """The data of a published event."""
        return json.loads(self.broker.stored[event_id].body)["data"]

    def value(self, sample, **labels):
        return self.metrics.registry.get_sample_value(f"agent_executor_{sample}", labels)

    @property
    def entries(self):
        """Type and data of each entry."""
        return [(entry.type, entry.data) for entry in self.stream.entries]


def event(job_id="j", attributes=None, **changes):
    data = {"job_id": job_id, "agent_definition": {"nodes": [{"id": "a"}]}, "input_payload": {}, **changes}
    envelope = {"specversion": "1.0", "id": "e", "source": "tests", "type": EXECUTE_TYPE, "data": data}
    return json.dumps(envelope | (attributes or {})).encode()


def count(journal, *words):
    return sum(entry[: len(words)] == words for entry in journal)


def identity(world, job_id="j", **changes):
    return parse({}, world.delivery(job_id, **changes).body).identity(1)


async def until_true(holds):
    """Return once it holds, which other tasks make it do."""

    async def held():
        return holds()

    await wait_until("it holds", held, limit=10, every=0.001)


@pytest.fixture
def world():
    return World()
