"""What the service survives: its own death, its stop, and the servers under it coming and going."""

import asyncio
import json
import os
import signal
import time
import uuid
from collections import Counter

import httpx
import pytest

from contract import Env
from tests.integration.world import asked, deep, event, until, writing

pytestmark = pytest.mark.anyio

ONE_STEP = {"say": "First.", "call": [writing("/first.md", "one")]}
SLOW_STEP = {"say": "a b c d", "call": [writing("/second.md", "two")], "delay": 0.1}


def two_steps(job_id, **more):
    """A job of two tool calls whose second one takes a second to be asked for."""
    return event(job_id, ONE_STEP, SLOW_STEP, {"say": "Done."}, definition=deep(), **more)


async def begun_its_second_step(model, job_id):
    """The first step's checkpoint is written once the second step begins."""
    await until("the second step has begun", lambda: 1 in asked(model, job_id))


def files(fact):
    return {path: file["content"] for path, file in fact.data["result"]["final_state"]["files"].items()}


async def ready(service):
    async with httpx.AsyncClient(base_url=service.url) as http:
        return await http.get("/ready")


async def test_a_killed_workers_job_goes_on_from_its_last_checkpoint(own, serve, model, job_id):
    first = await serve(own.environment)
    await own.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await first.kill()
    await own.let_time_pass()
    await serve(own.environment)
    [completed] = await own.ended(job_id)
    assert completed.data["attempts"] == 2
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert [message["type"] for message in completed.data["result"]["final_state"]["messages"]] == [
        "human", "ai", "tool", "ai", "tool", "ai",
    ]  # fmt: skip
    assert Counter(asked(model, job_id)) == {0: 1, 1: 2, 2: 1}
    assert await own.words(job_id) == ["started", "completed"]
    kinds = [(entry["attempt"], entry["type"]) for entry in await own.entries(job_id)]
    assert [kind for kind in kinds if kind[1] in {"attempt", "end"}] == [("2", "attempt"), ("2", "end")]


async def test_a_stopped_workers_job_goes_on_elsewhere_and_loses_no_attempt(own, serve, model, job_id):
    first = await serve(own.environment)
    await own.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    began = time.monotonic()
    assert await first.stop() == 0
    assert time.monotonic() - began < 10
    assert await own.words(job_id) == ["started"]
    await serve(own.environment)
    [completed] = await own.ended(job_id)
    assert completed.data["attempts"] == 1
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert Counter(asked(model, job_id)) == {0: 1, 1: 1, 2: 1}


async def test_a_step_that_outlasts_the_grace_is_cut_short_and_begun_again_elsewhere(own, serve, model, job_id):
    first = await serve({**own.environment, Env.EXECUTOR_DRAIN_SECONDS: "0.2"})
    endless = {"say": "word " * 50, "delay": 0.2}
    await own.publish(event(job_id, ONE_STEP, endless, definition=deep()))
    await begun_its_second_step(model, job_id)
    began = time.monotonic()
    assert await first.stop() == 0
    assert time.monotonic() - began < 5
    assert await own.unfinished() == 1
    assert [row["status"] for row in await own.rows("SELECT status FROM jobs")] == ["queued"]


async def test_two_services_share_the_jobs_and_stop_at_once_when_idle(own, serve):
    services = await asyncio.gather(serve(own.environment), serve(own.environment))
    jobs = [f"job-{uuid.uuid4().hex[:8]}" for _ in range(12)]
    for job in jobs:
        await own.publish(event(job, {"say": "a b", "delay": 0.1}))
    await own.ended(*jobs)
    facts = await own.stored(own.names.status_stream)
    assert [fact.data for fact in facts if fact.word == "progress"] == []
    assert Counter(fact.word for fact in facts) == {"started": len(jobs), "completed": len(jobs)}
    logs = [{json.loads(line).get("job") for line in service.tail(500).splitlines()} for service in services]
    assert all(log & set(jobs) for log in logs)
    began = time.monotonic()
    for service, sent in zip(services, (signal.SIGTERM, signal.SIGINT), strict=True):
        os.kill(service.pid, sent)
    assert [await service.wait() for service in services] == [0, 0]
    assert time.monotonic() - began < 5
    assert {json.loads(service.tail(1))["event"] for service in services} == {"stopped"}


async def test_the_event_loop_is_not_blocked_while_jobs_are_compiled_and_run(own, serve):
    service = await serve(own.environment)
    jobs = [f"job-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    for job in jobs:
        await own.publish(event(job, ONE_STEP, {"say": "Done."}, definition=deep(system_prompt=job)))
    ended = asyncio.create_task(own.ended(*jobs))
    slowest = 0.0
    async with httpx.AsyncClient(base_url=service.url) as http:
        while not ended.done():
            began = time.monotonic()
            assert (await http.get("/health")).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)
    await ended
    assert slowest < 1


async def test_jobs_complete_without_dragonfly_and_the_service_says_that_it_is_away(
    alone, own_servers, serve, model, job_id
):
    service = await serve(alone.environment)
    await alone.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await own_servers.dragonfly.kill()
    [completed] = await alone.ended(job_id)
    assert completed.word == "completed"

    async def says_so():
        answer = await ready(service)
        assert answer.status_code == 200
        return answer.json()["checks"]["dragonfly"].startswith("Dragonfly: Error 111 connecting to")

    await until("it says so", says_so)
    await own_servers.dragonfly.start()
    after = f"{job_id}-after"
    await alone.publish(event(after))
    await alone.ended(after)
    await until("its entries are written", lambda: alone.entries(after))
    assert (await alone.entries(after))[-1]["type"] == "end"


@pytest.fixture(params=["nats", "postgres"])
def crashing(request, own_servers):
    """One of the servers."""
    return getattr(own_servers, request.param)


async def test_a_server_that_crashes_while_jobs_run_only_delays_them(alone, crashing, serve, model, job_id):
    service = await serve(alone.environment)
    await alone.publish(two_steps(job_id))
    await begun_its_second_step(model, job_id)
    await crashing.kill()

    async def says_so():
        return (await ready(service)).status_code == 503

    await until("it is not ready", says_so)
    await crashing.start()
    await until("it is ready again", service.is_ready)
    [completed] = await alone.ended(job_id)
    assert files(completed) == {"/first.md": "one", "/second.md": "two"}
    assert asked(model, job_id).count(0) == 1
    after = f"{job_id}-after"
    await alone.publish(event(after))
    await alone.ended(after)
    assert service.status is None
