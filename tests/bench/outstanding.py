"""Jobs over NATS, so many outstanding at a time: the pace from message to result, and how long each took."""

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats
from nats.js.client import JetStreamContext

from executor.settings import NatsSettings
from tests.bench.beside import Figures

WARM_SECONDS = 30.0
RESULT_SECONDS = 120.0


class Sender:
    """Sends the events that `spell` makes of ids, and is told their results."""

    def __init__(self, jetstream: JetStreamContext, settings: NatsSettings, spell: Callable[[str], bytes]) -> None:
        self._jetstream = jetstream
        self._subject = settings.subject("execute", "bench")
        self._spell = spell
        self._ids = map("job-{}".format, itertools.count())
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def hear(self, message: Any) -> None:
        """Note a result; one that comes again is none."""
        found = self._waiting.pop(json.loads(message.data)["data"]["job_id"], None)
        if found is not None:
            found.set_result(None)

    async def one(self) -> float:
        """Seconds from the message to the result of one job; raises TimeoutError."""
        job_id, began = next(self._ids), time.perf_counter()
        self._waiting[job_id] = asyncio.get_running_loop().create_future()
        result = self._waiting[job_id]
        await self._jetstream.publish(self._subject, self._spell(job_id))
        async with asyncio.timeout(RESULT_SECONDS):
            await result
        return time.perf_counter() - began

    async def keep(self, outstanding: int, jobs: int) -> Figures:
        """The pace and the median in ms of so many jobs, of which so many are always outstanding."""
        left, began = iter(range(jobs)), time.perf_counter()
        took: list[float] = []

        async def one_after_the_other() -> None:
            took.extend([await self.one() for _ in left])

        async with asyncio.TaskGroup() as group:
            for _ in range(outstanding):
                group.create_task(one_after_the_other())
        return {"jobs/s": jobs / (time.perf_counter() - began), "p50 ms": 1000 * statistics.median(took)}

    async def warm(self) -> None:
        """Return when a first job is done: whoever works is at work by then."""
        async with asyncio.timeout(WARM_SECONDS):
            await self.one()


@asynccontextmanager
async def sender(settings: NatsSettings, spell: Callable[[str], bytes]) -> AsyncIterator[Sender]:
    """A sender who hears what is completed."""
    client = await nats.connect(settings.url)
    try:
        opened = Sender(client.jetstream(), settings, spell)
        await client.subscribe(settings.subject("status", "completed"), cb=opened.hear)
        await client.flush()
        yield opened
    finally:
        with suppress(nats.errors.Error):
            await client.close()
