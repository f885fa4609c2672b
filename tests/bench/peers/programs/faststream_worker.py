"""FastStream on the jobs' stream: a pull subscriber that acknowledges what its function has answered."""

import asyncio
import os

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from place import AT_ONCE, JOBS, RESULTS, answer
from stock import graph

STREAM = JStream(os.environ["NATS_STREAM_NAME"], declare=False)


async def main() -> None:
    """Work until killed."""
    broker = NatsBroker(os.environ["NATS_URL"], logger=None)
    async with graph() as run:

        @broker.subscriber(
            JOBS,
            stream=STREAM,
            durable=os.environ["NATS_CONSUMER_GROUP"],
            pull_sub=PullSub(batch_size=1),
            max_workers=AT_ONCE,
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def work(body: dict) -> None:
            job = body["data"]
            await run(job)
            await broker.publish(answer(job), RESULTS, stream=f"{os.environ['NATS_STREAM_NAME']}_STATUS")

        async with broker:
            await broker.start()
            await asyncio.Event().wait()


asyncio.run(main())
