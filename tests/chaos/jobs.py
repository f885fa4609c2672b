"""What is asked of the service: jobs of several steps, some on shared threads, some poisoned. Pure under a seed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

from tests.chaos.history import Asked
from tests.integration.world import BINARY, data, deep, enveloped, lone, writing

JOB = re.compile(r"chaos-\d+-\d+")
WORD = re.compile(rf"word-{JOB.pattern}-\d+")  # what an answer is known by in a result
JOBS_OF_A_THREAD = 4
THREADS_AT_ONCE = 5
ON_A_THREAD = 0.35
POISON = 0.05
FLOOD, FLOODING = 0.005, 40  # how often many quick jobs come at once on one thread, and how many
ASKING = 0.05
BRANCHING = 0.5
APPROVALS = {"write_file": {"allowed_decisions": ["approve", "edit", "reject"]}}
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


def orders(seed: int, asking: float = ASKING) -> Iterator[Order]:
    """Jobs without end, the same for the same seed; `asking` is the share of those that ask people."""
    random = Random(seed)  # noqa: S311 - makes jobs, guards nothing
    threads: list[list[str]] = [[] for _ in range(THREADS_AT_ONCE)]
    for number in count(1):
        job = f"chaos-{seed}-{number}"
        if random.random() < FLOOD:
            yield from (_sent(random, Asked(each, f"flood-of-{job}", 1), _quick(each)) for each in _of_flood(job))
            continue
        if random.random() < POISON:
            yield random.choice(POISONS)(job)
            continue
        asks = random.random() < asking
        if asks and random.random() < BRANCHING:
            yield _branching(random, job)
            continue
        thread = _thread(random.choice(threads), job) if random.random() < ON_A_THREAD else job
        yield (_approved if asks else _good)(random, job, thread)


def _of_flood(job: str) -> list[str]:
    return [f"{job}9{number:05}" for number in range(FLOODING)]


def _quick(job: str) -> dict[str, Any]:
    return data(job, {"say": "a b"}, definition=lone())


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
    return _sent(random, Asked(job, thread, len(turns)), data(job, *turns, definition=definition))


def _approved(random: Random, job: str, thread: str) -> Order:
    """An agent that asks before each of its one to three calls, which may be of two tools at once."""
    stops = [random.randint(1, 2) for _ in range(random.randint(1, 3))]
    names = (f"/{word(job, number)}" for number in range(sum(stops)))
    calls = [{"say": "a b", "call": [writing(next(names)) for _ in range(stop)]} for stop in stops]
    asked = Asked(job, thread, len(calls) + 1, asks=(1,) * len(calls))
    return _sent(random, asked, data(job, *calls, {"say": "Done."}, definition=deep(interrupt_on=APPROVALS)))


def _branching(random: Random, job: str) -> Order:
    """A graph of the image whose branches ask at once, between two calls of the model."""
    branches = random.randint(1, 3)
    inside = data(job, {"say": "a b"}, {"say": "Done."}, definition={"graph": "branches"})
    inside["input_payload"]["asks"] = branches
    return _sent(random, Asked(job, job, 2, asks=(branches,)), inside)


def _sent(random: Random, asked: Asked, inside: dict[str, Any]) -> Order:
    """The job in one of the forms in which events come."""
    shared = asked.thread != asked.job
    inside |= {"thread_id": asked.thread} if shared else {}
    if random.random() < 0.3:
        return Order(asked, json.dumps(inside).encode(), BINARY | {"ce-id": asked.job} | CONTENT_TYPE)
    structured = json.dumps(enveloped(inside)).encode()
    return Order(asked, structured, {}, by_http=not shared and random.random() < 0.15)


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


def word(job: str, number: int) -> str:
    """A word that nobody else says."""
    return f"word-{job}-{number}"


def said(state: Mapping[str, Any], job: str) -> tuple[str, ...]:
    """The job's words in a final state, once for each tool's result and each answer that a graph kept."""
    results = [message["data"].get("content") for message in state.get("messages", ()) if message["type"] == "tool"]
    words = [each for result in [*results, *state.get("done", ())] for each in sorted({*WORD.findall(str(result))})]
    return tuple(each for each in words if each.startswith(f"word-{job}-"))


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
