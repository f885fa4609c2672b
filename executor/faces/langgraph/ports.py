"""What the protocol needs of the world, as narrow as its need; the adapters satisfy it silently."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from executor.jobs.threads import EVERY_THREAD, FIRST_PAGE, Page, Thread, ThreadFilter


class Graphs(Protocol):
    """The graphs of agents by their names; every method raises Rejected where one cannot be had, or TryAgain."""

    async def drawing(self, name: str, *, xray: bool | int) -> dict[str, Any]:
        """What it looks like: nodes and edges, with `xray` those of graphs inside it, too."""

    async def schemas(self, name: str) -> dict[str, Any]:
        """JSON schemas of what it takes and gives."""


class Threads(Protocol):
    """Threads as an entity; every method raises TryAgain."""

    async def create(
        self, thread_id: str, metadata: dict[str, Any] | None = None, *, if_exists: Literal["raise", "do_nothing"]
    ) -> Thread:
        """Make a thread before it has a job, or give back the one that is there; raises ThreadExists."""

    async def get(self, thread_id: str) -> Thread | None:
        """The thread of this id."""

    async def patch(self, thread_id: str, metadata: dict[str, Any]) -> Thread | None:
        """Add to its metadata; None where there is no such thread."""

    async def search(self, only: ThreadFilter = EVERY_THREAD, page: Page = FIRST_PAGE) -> list[Thread]:
        """Threads that fit, in the order of the page."""

    async def count(self, only: ThreadFilter = EVERY_THREAD) -> int:
        """How many fit."""

    async def delete(self, thread_id: str, forget: Callable[[str], Awaitable[None]]) -> bool:
        """Forget the thread; whether there was one. Raises ThreadBusy."""
