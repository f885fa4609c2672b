"""The sender of the benches: how much is outstanding, and what counts as a result."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from contract import Env
from executor.settings import NatsSettings
from tests.bench.outstanding import Sender

SETTINGS = NatsSettings.read(
    {Env.NATS_URL: "nats://localhost", Env.NATS_STREAM_NAME: "S", Env.NATS_CONSUMER_GROUP: "workers"}
)


@dataclass
class Message:
    data: bytes


class Worker:
    """A broker whose jobs are done a turn later, each told twice; it counts how many were asked for at once."""

    def __init__(self) -> None:
        self.sender: Any = None
        self.done: list[str] = []
        self.most = self.now = 0
        self._answering: set[asyncio.Task[None]] = set()

    async def publish(self, _: str, body: bytes) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self._answering.add(asyncio.create_task(self._answer(body)))

    async def _answer(self, body: bytes) -> None:
        await asyncio.sleep(0)  # the others' turn
        self.now -= 1
        self.done.append(body.decode())
        for _ in range(2):
            await self.sender.hear(Message(json.dumps({"data": {"job_id": body.decode()}}).encode()))


async def test_so_many_are_outstanding_and_each_is_sent_once():
    worker: Any = Worker()
    worker.sender = Sender(worker, SETTINGS, str.encode)
    figures = await worker.sender.keep(4, 30)
    assert (worker.most, worker.done) == (4, [f"job-{number}" for number in range(30)])
    assert figures["jobs/s"] > 0
    assert figures["p50 ms"] > 0


async def test_one_at_a_time_waits_for_each_result():
    worker: Any = Worker()
    worker.sender = Sender(worker, SETTINGS, str.encode)
    await worker.sender.keep(1, 5)
    assert (worker.most, len(worker.done)) == (1, 5)
