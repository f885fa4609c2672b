"""People: whatever a job asks is answered over HTTP, at any worker, until one has an answer to that."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx

from executor.embedded.loopback import HOST
from tests.chaos.answers import Act, acts
from tests.chaos.history import Answer

THINKING = (0.0, 1.5)
PAUSE = 0.2
FIRST_NUMBER = 100  # those below are the jobs' own
SHOWN = ("status", "attempts", "result")

Told = Mapping[str, Any]  # the data of an `interrupted` event


@dataclass
class People:
    """One for each job that asks; they know what they are told by events, and nothing else."""

    ports: Sequence[int]
    random: Random
    answers: list[Answer] = field(default_factory=list)
    _heard: set[str] = field(default_factory=set)
    _told: dict[str, asyncio.Queue[Told]] = field(default_factory=dict)
    _new: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def hear(self, event: Mapping[str, Any]) -> None:
        """An `interrupted` event, once however often it comes."""
        if event["id"] in self._heard:
            return
        self._heard.add(event["id"])
        job = event["subject"]
        if job not in self._told:
            self._told[job] = asyncio.Queue()
            self._new.put_nowait(job)
        self._told[job].put_nowait(event["data"])

    @asynccontextmanager
    async def attending(self) -> AsyncIterator[None]:
        """Answer meanwhile."""
        async with httpx.AsyncClient(timeout=10) as http:
            task = asyncio.create_task(self._attend_all(http))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _attend_all(self, http: httpx.AsyncClient) -> None:
        numbers = count(FIRST_NUMBER)
        async with asyncio.TaskGroup() as group:
            while True:
                job = await self._new.get()
                group.create_task(Person(job, self._told[job], http, self).attend(numbers))


@dataclass(frozen=True)
class Person:
    """Answers one job, one act after the other."""

    job: str
    told: asyncio.Queue[Told]
    http: httpx.AsyncClient
    people: People

    async def attend(self, numbers: Iterator[int]) -> None:
        """Answer each question rightly once, for ever: a job may ask more."""
        settled: set[str] = set()
        while True:
            asked = [each for each in (await self.told.get())["interrupts"] if each["id"] not in settled]
            settled |= {each["id"] for each in asked}
            for act in acts(self.people.random, self.job, asked, numbers) if asked else ():
                await asyncio.sleep(self.people.random.uniform(*THINKING))
                await self._do(act)
                while act.kind == "wrong" and "error" not in await self.told.get():
                    continue

    async def _do(self, act: Act) -> None:
        before = await self._shown() if act.kind == "refused" else None
        key = f"{self.job}-{len(self.people.answers)}"
        statuses = await asyncio.gather(*(self._post(act, key) for _ in range(act.clicks)))
        changed = before is not None and await self._shown() != before
        for nth, (at, status) in enumerate(statuses):
            kind = "again" if nth else act.kind
            self.people.answers.append(Answer(at, self.job, kind, status, act.questions, act.words, changed=changed))

    async def _post(self, act: Act, key: str) -> tuple[float, int]:
        """When the answer was first given, and its status."""
        at, path, body = time.time(), f"/jobs/{self.job}/resume", {"resume": act.resume}
        return at, (await self._ask("POST", path, json=body, headers={"idempotency-key": key})).status_code

    async def _shown(self) -> dict[str, Any]:
        job = (await self._ask("GET", f"/jobs/{self.job}")).json()
        return {name: job[name] for name in SHOWN}

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer of whichever worker has one."""
        while True:
            url = f"http://{HOST}:{self.people.random.choice(self.people.ports)}{path}"
            with suppress(httpx.HTTPError):
                answer = await self.http.request(method, url, **more)
                if not answer.is_server_error:
                    return answer
            await asyncio.sleep(PAUSE)
