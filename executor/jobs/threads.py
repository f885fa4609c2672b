"""Threads as people see them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from executor.errors import ExecutorError

ThreadStatus = Literal["busy", "interrupted", "error", "idle"]
SortBy = Literal["created_at", "updated_at", "thread_id"]


@dataclass(frozen=True)
class Thread:
    """A conversation, and what it is doing.

    It is `interrupted` while it asks people, else `busy` while a job has not ended, and `error` where the last failed.
    """

    thread_id: str
    metadata: dict[str, Any]
    agent: str | None
    status: ThreadStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ThreadFilter:
    """Which threads are meant; what is None does not matter. `metadata` is what theirs contains at the least."""

    metadata: dict[str, Any] | None = None
    status: ThreadStatus | None = None
    agent: str | None = None
    ids: Sequence[str] | None = None


EVERY_THREAD = ThreadFilter()


@dataclass(frozen=True)
class Page:
    """Which part of a list is shown, and in which order."""

    sort_by: SortBy = "updated_at"
    is_descending: bool = True
    limit: int = 50
    offset: int = 0


FIRST_PAGE = Page()


class ThreadExists(ExecutorError):
    """A thread of this id is there already."""

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"thread_id: there is a thread {thread_id!r} already")


class ThreadBusy(ExecutorError):
    """A job of the thread has not ended, or its end has not been told yet."""

    def __init__(self, thread_id: str, job_id: str) -> None:
        super().__init__(
            f"thread {thread_id!r} is not at rest: job {job_id!r} has not ended, or its end is not told yet"
        )
        self.job_id = job_id
