"""finish, then publish: what a commit promised reaches the broker, however often that takes."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from executor.errors import ExecutorError, TryAgain
from executor.jobs.claims import Claim, Wake
from executor.jobs.job import Identity, Message, Origin, Outcome
from executor.worker.insistence import insist
from executor.worker.ports import Broker, Ledger

log = structlog.get_logger()


class Outbox:
    """Messages are promised in the ledger, published, and marked, in this order.

    `tell` is called with the id of each job that has come to an end, or asks people, as soon as that is written.
    """

    def __init__(
        self,
        broker: Broker,
        ledger: Ledger,
        wake: Callable[[Wake], Message],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._wake = wake
        self._tell = tell

    async def finish(self, claim: Claim, outcome: Outcome, kept: Origin | None = None) -> bool:
        """Write the outcome, however long that takes; raises LeaseLost where the job is another's.

        The answer is whether the job goes on at once.
        """
        goes_on = await insist(lambda: self._ledger.finish(claim, outcome, kept), "outcome")
        self._tell(claim.job_id)
        return goes_on

    async def reject(self, job: Identity, outcome: Outcome) -> None:
        """Write down a job that failed before any worker began with it; raises TryAgain."""
        await self._ledger.reject(job, outcome)
        self._tell(job.job_id)

    async def publish_and_wake(self, thread_id: str, messages: Sequence[Message]) -> None:
        """Publish what was promised and mark it, then wake who waits for the thread.

        Raises TryAgain where the broker or the ledger fails; then it stays promised.
        """
        await self.wake(await self.publish_and_settle(thread_id, messages))

    async def publish_and_settle(self, thread_id: str, messages: Sequence[Message]) -> Sequence[Wake]:
        """The same, but whoever is to go on is the caller's to wake, or to go on with."""
        await self._publish_all(messages)
        return await self._ledger.mark_and_wake(thread_id, messages)

    async def promise_and_publish(self, messages: Sequence[Message]) -> None:
        """Promise and publish messages that belong to no job; raises TryAgain."""
        await self._ledger.promise(messages)
        await self.publish(messages)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish what was promised and mark it; raises TryAgain, and then it stays promised."""
        await self._publish_all(messages)
        await self._mark(messages)

    async def wake(self, wakes: Sequence[Wake]) -> None:
        """Ask for jobs that need not wait any more. Where that fails, the sweep asks again."""
        try:
            await self.ask_for(wakes)
        except TryAgain as error:
            log.warning("not woken yet", jobs=[wake.job_id for wake in wakes], error=str(error))

    async def ask_for(self, wakes: Sequence[Wake]) -> None:
        """The same; raises TryAgain."""
        await self._publish_all([self._wake(wake) for wake in wakes])

    async def _publish_all(self, messages: Sequence[Message]) -> None:
        failures = await asyncio.gather(*map(self._publish, messages))
        failure = next(filter(None, failures), None)
        if failure is not None:
            # What the broker has is marked, or it would be published again for as long as the others fail.
            await self._mark([message for message, failed in zip(messages, failures, strict=True) if failed is None])
            raise failure

    async def _mark(self, messages: Sequence[Message]) -> None:
        if messages:
            await self._ledger.published(messages)

    async def _publish(self, message: Message) -> TryAgain | None:
        try:
            await self._broker.publish(message)
        except TryAgain as error:
            return error
        except ExecutorError:
            # It will never go: trying for ever would keep its job from ending.
            log.exception("message not publishable", id=message.id)
        return None
