"""The service as its clients see it: events are published and posted, results read, everything gathered at the end."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import httpx
import nats.errors
import nats.js.errors
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from executor.embedded.loopback import HOST
from tests.chaos.history import TERMINAL, Asked, Entry, Fact, Live
from tests.chaos.jobs import JOB, Order, placed, said, told
from tests.integration.world import World

AWAY = (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError)
PAUSE = 0.2
PAGE = 256
HEADERS = {"content-type": "application/cloudevents+json"}


@dataclass
class Client:
    """Asks for jobs and follows what becomes of them, past any server that is away; `hear` is told of what jobs ask."""

    world: World
    ports: Sequence[int]
    hear: Callable[[Mapping[str, Any]], None]
    asked: dict[str, Asked] = field(default_factory=dict)
    facts: dict[int, Fact] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    leaks: list[str] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many jobs have not ended."""
        return len(self.asked) - len(self.ended)

    async def ask(self, order: Order, random: Random) -> Asked:
        """Ask for a job until it is accepted, whoever must be asked."""
        if order.by_http:
            await self._post(order, random)
            asked = replace(order.asked, at=time.time())
        else:
            sequence = await self.publish(order.body, order.headers, order.asked.job)
            asked = replace(placed(order, self.world.names.stream, sequence), at=time.time())
        self.asked[asked.about] = asked
        return asked

    async def publish(self, body: bytes, headers: Mapping[str, str], identity: str) -> int:
        """The place in the stream of a message, once the broker says that it has it."""
        subject = self.world.names.subject("execute", "chaos")
        sent = {**headers, "Nats-Msg-Id": identity}
        while True:
            try:
                stored = await self.world.client.jetstream().publish(subject, body, timeout=5, headers=sent)
            except AWAY:
                await asyncio.sleep(PAUSE)
            else:
                return stored.seq

    async def _post(self, order: Order, random: Random) -> None:
        async with httpx.AsyncClient(timeout=10) as http:
            while True:
                with suppress(httpx.HTTPError):
                    url = f"http://{HOST}:{random.choice(self.ports)}/"
                    answer = await http.post(url, content=order.body, headers=HEADERS)
                    if answer.status_code == httpx.codes.ACCEPTED:
                        return
                    if answer.is_client_error:
                        raise AssertionError(answer.text)
                await asyncio.sleep(PAUSE)

    async def conflict(self, asked: Asked, body: bytes) -> None:
        """Ask for another job under the id of one that has ended: a dead letter is all that comes of it."""
        await self.publish(body, {}, f"{asked.job}:conflict")
        self.asked[asked.about] = replace(asked, letters=(*asked.letters, "conflict"))

    async def follow(self) -> None:
        """Read the status stream for ever, each message once."""
        subscription: JetStreamContext.PullSubscription | None = None
        while True:
            try:
                subscription = subscription or await self._subscribe()
                for message in await subscription.fetch(PAGE, timeout=1):
                    self._note(message)
                    await message.ack()
            except TimeoutError:
                continue
            except AWAY:
                await asyncio.sleep(PAUSE)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(ack_wait=10, max_ack_pending=-1)
        jetstream, stream = self.world.client.jetstream(), self.world.names.status_stream
        return await jetstream.pull_subscribe("", durable="chaos", stream=stream, config=config)

    def _note(self, message: Any) -> None:
        sequence, at = message.metadata.sequence.stream, message.metadata.timestamp.timestamp()
        fact = fact_of(message.data, message.subject.rpartition(".")[2], at)
        self.facts[sequence] = fact
        if fact.word in TERMINAL:
            self.ended.setdefault(fact.about, fact.at)
        if fact.asked:
            self.hear(json.loads(message.data))
        self._search(message.data, f"the event {fact.id}")

    def _search(self, text: bytes, place: str) -> None:
        self.leaks += [f"{place} holds a secret" for secret in self.secrets if secret.encode() in text]

    async def is_read(self) -> bool:
        """Whether all of the status stream is noted."""
        state = (await self.world.client.jetstream().stream_info(self.world.names.status_stream)).state
        return len(self.facts) >= state.messages

    async def rest(self) -> dict[str, int]:
        """What should be nothing once all is done."""
        query = """SELECT (SELECT count(*) FROM jobs WHERE finished_at IS NULL) AS unfinished,
                          (SELECT count(*) FROM jobs WHERE lease_until IS NOT NULL) AS leased,
                          (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unmarked"""
        [counts] = await self.world.rows(query)
        return {**counts, "pending": await self.world.unfinished(), "not ended": max(self.open, 0)}

    async def letters(self) -> list[tuple[str, str]]:
        """The job and reason of each dead letter."""
        found = []
        for letter in await self.world.dead_letters():
            job = JOB.search(letter.body.decode())
            found.append((job[0] if job else "", letter.headers["Dlq-Reason"]))
            self._search(letter.body + str(letter.headers).encode(), f"the letter of {found[-1][0]}")
        return found

    async def shown(self) -> dict[str, str]:
        """The status of each job, as `GET /jobs` pages through them."""
        states: dict[str, str] = {}
        query: dict[str, str | int] = {"limit": 500}
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{self.ports[0]}", timeout=30) as http:
            while True:
                page = (await http.get("/jobs", params=query)).raise_for_status().json()
                states |= {job["job_id"]: job["status"] for job in page["jobs"]}
                if not page["next"]:
                    return states
                query["cursor"] = page["next"]

    async def live(self) -> dict[str, Live]:
        """The threads' streams in Dragonfly."""
        found: dict[str, Live] = {}
        async with self.world.dragonfly() as redis:
            for thread in {asked.thread for asked in self.asked.values()}:
                key = f"langgraph:stream:{thread}"
                entries: Any = await redis.xrange(key)
                kept = [Entry(fields["job"], fields["type"]) for _, fields in entries]
                found[thread] = Live(kept, await redis.ttl(key))
        return found


def fact_of(body: bytes, word: str, at: float) -> Fact:
    """What an event says."""
    event = json.loads(body)
    data, about = event.get("data", {}), event["subject"]
    fact = Fact(at, event["id"], word, about, attempts=data.get("attempts"))
    if word == "interrupted":
        return replace(fact, asked=tuple(each["id"] for each in data["interrupts"]), sorry="error" in data)
    state = data.get("result", {}).get("final_state")
    return replace(fact, told=told(state), said=said(state, about)) if state else fact
