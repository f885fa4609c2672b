"""finish, then publish: what a commit promised reaches the broker, however often that takes."""

import asyncio
from collections.abc import Sequence

import structlog

from executor.errors import ExecutorError, TryAgain
from executor.jobs import Claim, Message, Outcome
from executor.ports import Broker, Ledger

log = structlog.get_logger()

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
SWEEP_SECONDS = 10.0


class Outbox:
    """Messages are promised in the ledger, published, and marked, in this order."""

    def __init__(self, broker: Broker, ledger: Ledger) -> None:
        self._broker = broker
        self._ledger = ledger

    async def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Write the outcome, waiting for the database as long as it takes; raises LeaseLost where the job is another's.

        A run that ended is not thrown away because the database restarts: its lease is renewed meanwhile.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._ledger.finish(claim, outcome)
            except TryAgain as error:
                log.warning("outcome not written yet", error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def say(self, messages: Sequence[Message]) -> None:
        """Promise and publish messages that belong to no job; raises TryAgain."""
        await self._ledger.promise(messages)
        await self.publish(messages)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish what was promised and mark it; raises TryAgain, and then it stays promised."""
        if not messages:
            return
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(self._publish(message)) for message in messages]
        failures = [failure for answer in answers if (failure := answer.result()) is not None]
        if failures:
            raise failures[0]
        await self._ledger.published(messages)

    async def sweep(self) -> None:
        """Publish what somebody promised and could not publish any more, for ever."""
        while True:
            try:
                await self.publish(await self._ledger.overdue())
            except TryAgain as error:
                log.warning("outbox not swept", error=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _publish(self, message: Message) -> TryAgain | None:
        try:
            await self._broker.publish(message)
        except TryAgain as error:
            return error
        except ExecutorError:
            # It will never go: trying for ever would keep its job from ending.
            log.exception("message not publishable", id=message.id)
        return None
