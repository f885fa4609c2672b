"""DBOS: a workflow of three steps that each append a text, begun by id for each message. Without LangGraph."""

import asyncio
import os
from urllib.parse import quote

import nats
from dbos import DBOS, SetWorkflowID
from place import AT_ONCE, POSTGRES, RESULTS, answer, job_of

URL = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(
    **{name: quote(value, safe="") for name, value in POSTGRES.items()}
)
DBOS(config={"name": "peer", "system_database_url": URL, "log_level": "ERROR", "sys_db_pool_size": 10})


@DBOS.step()
async def say(messages):
    """Append a message."""
    return [*messages, {"role": "ai", "content": "ok"}]


@DBOS.workflow()
async def three(job):
    """Three steps, each of which is durable."""
    messages = job["input_payload"]["messages"]
    for _ in range(3):
        messages = await say(messages)
    return messages


async def work(client) -> None:
    """One job after the other."""
    jetstream = client.jetstream()
    jobs = await jetstream.pull_subscribe_bind(os.environ["NATS_CONSUMER_GROUP"], os.environ["NATS_STREAM_NAME"])
    while True:
        try:
            [message] = await jobs.fetch(1, timeout=30)
        except nats.errors.TimeoutError:
            continue
        job = job_of(message.data)
        with SetWorkflowID(job["job_id"]):
            workflow = await DBOS.start_workflow_async(three, job)
        await workflow.get_result()
        await jetstream.publish(RESULTS, answer(job))
        await message.ack()


async def main() -> None:
    """Work until killed."""
    DBOS.launch()
    client = await nats.connect(os.environ["NATS_URL"])
    await asyncio.gather(*(work(client) for _ in range(AT_ONCE)))


asyncio.run(main())
