"""What one writes by hand: fetch, run with LangGraph's own saver, publish, acknowledge; so many at once."""

import asyncio
import os

import nats
from place import AT_ONCE, RESULTS, answer, job_of
from stock import graph


async def main() -> None:
    """Work until killed."""
    client = await nats.connect(os.environ["NATS_URL"])
    async with graph() as run:
        await asyncio.gather(*(work(client, run) for _ in range(AT_ONCE)))


async def work(client, run) -> None:
    """One job after the other."""
    jetstream = client.jetstream()
    jobs = await jetstream.pull_subscribe_bind(os.environ["NATS_CONSUMER_GROUP"], os.environ["NATS_STREAM_NAME"])
    while True:
        try:
            [message] = await jobs.fetch(1, timeout=30)
        except nats.errors.TimeoutError:
            continue
        job = job_of(message.data)
        await run(job)
        await jetstream.publish(RESULTS, answer(job))
        await message.ack()


asyncio.run(main())
