"""The worker: takes a job when a slot is free, so that the broker's lag is the true one, until it is told to stop."""

import asyncio
from contextlib import suppress

import structlog

from executor.errors import TryAgain
from executor.worker.leases import Leases
from executor.worker.ports import Broker, Delivery
from executor.worker.processor import Processor

log = structlog.get_logger()

PAUSE_SECONDS = 2.0
HANDOVER_SECONDS = 5.0
TAKERS = 4  # a busy event loop answers one of them late: several keep the slots full


class Worker:
    """Works on up to `concurrency` jobs at once."""

    def __init__(
        self, broker: Broker, leases: Leases, processor: Processor, *, concurrency: int, drain_seconds: float
    ) -> None:
        self._broker = broker
        self._leases = leases
        self._processor = processor
        self._drain_seconds = drain_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._takers = min(concurrency, TAKERS)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then take no more, let running steps end within the grace, and give the rest back."""
        async with asyncio.TaskGroup() as keeping:
            heart = keeping.create_task(self._leases.beat(), name="heartbeat")
            drain = keeping.create_task(self._drain_after(stop), name="drain")
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as working:
                    takers = [working.create_task(self._take_until(stop, working)) for _ in range(self._takers)]
                    await asyncio.wait(takers)
                    # Who still cannot hand over then, because the database is away, leaves it to the ack-wait.
                    limit.reschedule(asyncio.get_running_loop().time() + self._drain_seconds + HANDOVER_SECONDS)
            drain.cancel()
            heart.cancel()

    async def _drain_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        log.info("draining", jobs=len(self._leases), seconds=self._drain_seconds)
        await self._leases.drain(self._drain_seconds)

    async def _take_until(self, stop: asyncio.Event, working: asyncio.TaskGroup) -> None:
        while not stop.is_set():
            if not await self._free_slot(stop):
                break
            delivery = await self._take(stop)
            if delivery is None:
                self._slots.release()
            elif stop.is_set():
                await delivery.nak()
            else:
                task = working.create_task(self._processor.process(delivery), name=f"job {delivery.sequence}")
                task.add_done_callback(lambda _: self._slots.release())

    async def _free_slot(self, stop: asyncio.Event) -> bool:
        """Wait for a free slot; False when the stop came first."""
        slot = asyncio.ensure_future(self._slots.acquire())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({slot, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return slot.done() or not slot.cancel()

    async def _take(self, stop: asyncio.Event) -> Delivery | None:
        try:
            return await self._broker.take()
        except TryAgain as error:
            log.warning("no jobs taken", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await stop.wait()
            return None
