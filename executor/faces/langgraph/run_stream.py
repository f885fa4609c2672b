"""The stream of a run, as clients of the first generation read it: server-sent events named by their mode."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT

from executor.errors import TryAgain
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.flat import flat
from executor.faces.langgraph.follow import Page, pages
from executor.faces.langgraph.frames import Frame, Frames, Look
from executor.faces.langgraph.shown import failure
from executor.jobs.entries import BEGINNING, Place, StreamEntry
from executor.jobs.job import TERMINAL, Job
from executor.values import dumps

BEGUN = b": ok\n\n"  # bytes at once: some clients wait for them before they go on


class RunStream:
    """Tells one client what a run does after a place of its thread's stream; `stops` it when the client goes away."""

    def __init__(self, face: Face, job: Job, frames: Frames, since: Place = BEGINNING, *, stops: bool = False) -> None:
        self._face = face
        self._desk = face.open_desk()
        self._job = job
        self._frames = frames
        self._since = since
        self._stops = stops
        self._last: Any = None
        self._is_over = False

    async def told(self) -> AsyncGenerator[bytes]:
        """The events, a comment at once and in every silence; `end` is the last, or `error`."""
        try:
            yield BEGUN + sent(self._frames.metadata())
            async with aclosing(self._pages()) as told:
                async for each in told:
                    yield each
            self._is_over = True
            yield await self._end()
        except TryAgain:
            self._stops = False  # it is we who go away: a stream without `end` is taken up again
        finally:
            if self._stops and not self._is_over and not self._face.state.stopping:
                await asyncio.shield(self._desk.jobs.cancel(self._job.job_id, self._desk.caller))

    async def _pages(self) -> AsyncGenerator[bytes]:
        with self._desk.jobs.watches.watcher(self._job, BEGINNING) as watcher:
            async with aclosing(pages(self._desk.jobs, self._job, watcher)) as told:
                async for page in told:
                    yield await self._page(page) or KEEPALIVE_COMMENT

    async def _page(self, page: Page) -> bytes:
        return b"".join([await self._entry(entry) for entry in page])

    async def _entry(self, entry: StreamEntry) -> bytes:
        """What an entry makes is told under its id, once all of it is: who comes again misses none of it."""
        made = list(self._frames.of(entry))  # also of those that the client has: what follows depends on them
        if entry.place <= self._since:
            return b""
        frames = [frame for each in made if (frame := await self._looked(each)) is not None]
        return b"".join([*map(sent, frames[:-1]), *(sent(frame, entry.place) for frame in frames[-1:])])

    async def _looked(self, made: Frame | Look) -> Frame | None:
        if isinstance(made, Frame):
            return made
        try:
            return await self._read(made)
        except TryAgain:
            return None  # it will be in the next ones

    async def _read(self, look: Look) -> Frame | None:
        """The values at a checkpoint, or all of its state; None where it is not there yet, or not any more."""
        thread_id = self._job.thread_id
        if look.event.partition("|")[0] == "checkpoints":
            state = await self._desk.states.at(thread_id, look.checkpoint_id, look.ns)
            return None if state is None else Frame(look.event, checkpoint_of(state))
        values = await self._desk.states.values(thread_id, look.checkpoint_id, look.ns)
        if not look.ns:
            self._last = values
        return None if values is None else Frame(look.event, values)

    async def _end(self) -> bytes:
        job = await self._desk.jobs.register.job(self._job.job_id) or self._job
        if job.status == "failed":
            return sent(Frame("error", failure(job)))
        return b"".join(map(sent, [*await self._values(job), Frame("end", None)]))

    async def _values(self, job: Job) -> list[Frame]:
        """What the run came to, unless that was told."""
        asked = (job.result or {}).get("interrupts")
        if job.status == "completed":
            values = flat((job.result or {}).get("final_state"))
        else:
            state = await self._desk.states.current(job.thread_id)
            values = state.values if state is not None else None
        if values is None or (values == self._last and not asked):
            return []
        return list(self._frames.values(values, asked if job.status not in TERMINAL else None))


def checkpoint_of(state: Any) -> dict[str, Any]:
    """A state as the data of a checkpoint's frame."""
    parent = state.parent
    return {
        "config": {"configurable": _where(state.spot)},
        "parent_config": {"configurable": _where(parent)} if parent else None,
        "values": state.values,
        "metadata": state.metadata,
        "next": list(state.next),
        "tasks": [
            {"id": task.id, "name": task.name, "error": task.error, "interrupts": list(task.interrupts), "state": None}
            for task in state.tasks
        ],
    }


def sent(frame: Frame, place: Place | None = None) -> bytes:
    """A frame as a server-sent event; its id is where the client has come to."""
    identity = b"" if place is None else f"id: {place}\n".encode()
    return b"event: %b\ndata: %b\n%b\n" % (frame.event.encode(), dumps(frame.data), identity)


def _where(spot: Any) -> dict[str, Any]:
    return {"thread_id": spot.thread_id, "checkpoint_ns": spot.ns, "checkpoint_id": spot.checkpoint_id}
