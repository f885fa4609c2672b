"""What is asked of the service: jobs of several steps, some on shared threads, some poisoned. Pure under a seed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.chaos.history import Asked
from tests.integration.world import BINARY, data, deep, enveloped, lone, writing

JOB = re.compile(r"chaos-\d+-\d+")
JOBS_OF_A_THREAD = 4
THREADS_AT_ONCE = 5
ON_A_THREAD = 0.35
POISON = 0.05
CONTENT_TYPE = {"content-type": "application/json"}


@dataclass(frozen=True)
class Order:
    """A message that asks for a job; `by_http` where it is posted."""

    asked: Asked
    body: bytes
    headers: Mapping[str, str]
    by_http: bool = False

    def with_other_content(self) -> bytes:
        """A message that claims the same id for another job."""
        other = data(self.asked.job, {"say": "Something else."})
        return json.dumps(enveloped(other)).encode()


def orders(seed: int) -> Iterator[Order]:
    """Jobs without end, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - makes jobs, guards nothing
    threads: list[list[str]] = [[] for _ in range(THREADS_AT_ONCE)]
    number = 0
    while True:
        number += 1
        job = f"chaos-{seed}-{number}"
        if random.random() < POISON:
            yield random.choice(POISONS)(job)
        elif random.random() < ON_A_THREAD:
            yield _good(random, job, _thread(random.choice(threads), job))
        else:
            yield _good(random, job, job)


def _thread(begun: list[str], job: str) -> str:
    """The thread that the last few jobs of this place share, or a new one."""
    if len(begun) % JOBS_OF_A_THREAD == 0:
        begun[:] = [f"thread-of-{job}"]
    else:
        begun.append(begun[0])
    return begun[0]


def _good(random: Random, job: str, thread: str) -> Order:
    turns = _lone(random) if random.random() < 0.2 else _steps(random)
    definition = lone() if len(turns) == 1 else deep()
    inside = data(job, *turns, definition=definition, **({} if thread == job else {"thread_id": thread}))
    asked = Asked(job, thread, len(turns))
    if random.random() < 0.3:
        return Order(asked, json.dumps(inside).encode(), BINARY | {"ce-id": job} | CONTENT_TYPE)
    structured = json.dumps(enveloped(inside)).encode()
    return Order(asked, structured, {}, by_http=thread == job and random.random() < 0.15)


def _lone(random: Random) -> list[dict[str, Any]]:
    return [{"say": "a b c d", "delay": random.uniform(0, 0.15)}]


def _steps(random: Random) -> list[dict[str, Any]]:
    """Two to four calls of a tool, each a call of the model, and a last word; now and then one fails at first."""
    calls = [
        {"say": "a b", "call": [writing(f"/{n}", "x" * 20)], "delay": random.uniform(0, 0.05)}
        for n in range(random.randint(2, 4))
    ]
    if random.random() < 0.05:
        random.choice(calls).update(status=503, times=3)
    return [*calls, {"say": "Done."}]


def _bad_definition(job: str) -> Order:
    return _poisoned(job, data(job, definition={"nodes": []}), 0, "invalid_definition")


def _bad_event(job: str) -> Order:
    return _poisoned(job, data(job) | {"input_payload": "none"}, 0, "invalid_event")


def _refused(job: str) -> Order:
    turn = {"say": "That is not possible.", "status": 400}
    return _poisoned(job, data(job, turn), 1, "model_refused")


def _indiscreet(job: str) -> Order:
    """The provider's answer quotes the key."""
    turn = {"say": "Incorrect API key provided: {key}.", "status": 401}
    return _poisoned(job, data(job, turn), 1, "model_refused")


def _garbage(job: str) -> Order:
    """A message that names no job: what is said of it names its place in the stream."""
    return Order(Asked(job, job, 0, "failed", ("invalid_event",)), f"{job} is no event".encode(), {})


def _poisoned(job: str, inside: dict[str, Any], steps: int, reason: str) -> Order:
    return Order(Asked(job, job, steps, "failed", (reason,)), json.dumps(enveloped(inside)).encode(), {})


POISONS = (_bad_definition, _bad_event, _refused, _indiscreet, _garbage)


def placed(order: Order, stream: str, sequence: int) -> Asked:
    """What was asked for, once its message lies in the stream."""
    about = f"{stream}:{sequence}" if b"is no event" in order.body else ""
    return replace(order.asked, place=sequence, subject=about)


def about(messages: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The job that chat messages are about, and how many replies it has had."""
    last = max(place for place, message in enumerate(messages) if message["role"] == "user")
    found = JOB.search(json.dumps(messages[last]))
    return found[0] if found else "", sum(message["role"] == "assistant" for message in messages[last:])


def told(state: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """The conversation of a final state: for each prompt its job, and how many replies came before the next one."""
    jobs: list[tuple[str, int]] = []
    for message in state["messages"]:
        if message["type"] == "human":
            found = JOB.search(json.dumps(message))
            jobs.append((found[0] if found else "", 0))
        elif message["type"] == "ai" and jobs:
            jobs[-1] = (jobs[-1][0], jobs[-1][1] + 1)
    return tuple(jobs)
