"""Following a run: what it does as it does it, and what it came to."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from executor.errors import TryAgain
from executor.faces.langgraph.face import Desk
from executor.faces.langgraph.flat import flat
from executor.faces.langgraph.frames import INTERRUPT
from executor.faces.langgraph.shown import failure
from executor.jobs.entries import StreamEntry
from executor.jobs.job import TERMINAL, Job

BEAT_SECONDS = 5.0  # between signs of life: some clients take the length of a silence for the end
BEATS_TO_LOOK = 3
QUIET_SECONDS = 0.3  # how long the last words of a run that waits for a person may be on their way
LAST_WORDS_SECONDS = 3.0  # of one that has ended, which says so itself where nothing is lost
PAUSE_SECONDS = 1.0

Page = list[StreamEntry]


class Waits(Protocol):
    """Who knows when jobs come to rest."""

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """The job once it has ended or waits for a person, None when it does not within so many seconds."""


class Watched(Protocol):
    """Who watches a job."""

    def pages(self) -> AsyncIterator[Page]:
        """What the job does, up to its `end`."""


async def pages(jobs: Waits, job: Job, watcher: Watched) -> AsyncGenerator[Page]:
    """The entries of a run up to its end, or to where it waits for a person; an empty page at least every beat."""
    told, beats = watcher.pages(), 0
    coming = asyncio.ensure_future(anext(told, None))
    rest = _rest(jobs, job) if job.status == "interrupted" else None
    try:
        while True:
            was_at_rest = rest is not None and rest.done()
            await asyncio.wait(_awaited(coming, rest), timeout=_patience(rest), return_when=asyncio.FIRST_COMPLETED)
            page = coming.result() if coming.done() else []
            if page is None or (was_at_rest and not coming.done()):
                return
            if coming.done():
                coming = asyncio.ensure_future(anext(told, None))
            beats = 0 if page else beats + 1
            if rest is None and (_asks(page) or beats == BEATS_TO_LOOK):
                rest = _rest(jobs, job)
            yield page
    finally:
        await _end([coming, *([rest] if rest else [])])


async def came_to(desk: Desk, job_id: str) -> AsyncIterator[Job | None]:
    """Nothing at each beat, and at last the job that has ended or waits for a person."""
    while True:
        try:
            job = await desk.jobs.wait(job_id, BEAT_SECONDS)
        except TryAgain:
            job = None
            await asyncio.sleep(PAUSE_SECONDS)
        yield job
        if job is not None:
            return


async def outcome(desk: Desk, job: Job) -> Any:
    """The values that the run came to; with `__interrupt__` where it asks, `__error__` where it failed."""
    if job.status == "completed":
        return flat((job.result or {}).get("final_state"))
    if job.status == "failed":
        return {"__error__": failure(job)}
    state = await desk.states.current(job.thread_id)
    values = state.values if state is not None else {}
    asked = (job.result or {}).get("interrupts")
    return {**values, INTERRUPT: asked} if asked and isinstance(values, dict) else values


def _rest(jobs: Waits, job: Job) -> asyncio.Task[Job]:
    return asyncio.create_task(_at_rest(jobs, job.job_id))


async def _at_rest(jobs: Waits, job_id: str) -> Job:
    while True:
        try:
            if (job := await jobs.wait(job_id, BEAT_SECONDS)) is not None:
                return job
        except TryAgain:
            await asyncio.sleep(PAUSE_SECONDS)


def _awaited(coming: asyncio.Future[Page | None], rest: asyncio.Task[Job] | None) -> set[asyncio.Future[Any]]:
    return {coming} if rest is None or rest.done() else {coming, rest}


def _patience(rest: asyncio.Task[Job] | None) -> float:
    if rest is None or not rest.done():
        return BEAT_SECONDS
    return LAST_WORDS_SECONDS if rest.result().status in TERMINAL else QUIET_SECONDS


def _asks(page: Page) -> bool:
    return any(entry.type == "interrupt" for entry in page)


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError, TryAgain):
            await task
