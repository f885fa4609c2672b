"""A thread that lives in two halves, each half on a saver of its own, and notes which nodes ran in each."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import interrupt

from tests.integration.checkpoints.lab import at

Seen = dict[str, Any]


class Broken(Exception):
    """What a node raises that shall fail."""


@dataclass
class Thread:
    """A thread whose graph runs on the first saver, and after `turn` on the second; `ran` are the nodes since then."""

    name: str
    first: Any
    second: Callable[[], Awaitable[Any]]
    stock: Any
    ran: list[str] = field(default_factory=list)
    broken: bool = True

    def __post_init__(self) -> None:
        self.saver = self.first

    async def turn(self) -> list[str]:
        """Go over to the second saver, and let nothing fail any more; what ran before."""
        self.saver = await self.second()
        self.broken = False
        before, self.ran[:] = list(self.ran), []
        return before

    async def run(self, graph: Any, given: Any, config: Any = None) -> Any:
        bound = graph.copy(update={"checkpointer": self.saver})
        with suppress(Broken):
            return await bound.ainvoke(given, config or at(self.name), durability="sync")

    async def state(self, graph: Any, saver: Any = None) -> Seen:
        found = await graph.copy(update={"checkpointer": saver or self.saver}).aget_state(at(self.name), subgraphs=True)
        return {"values": plain(found.values), "next": found.next, "asked": [i.value for i in found.interrupts]}

    async def seen(self, graph: Any, **more: Any) -> Seen:
        """What the second saver and the stock one read, and what ran in the second half."""
        ours, stock = await self.state(graph), await self.state(graph, self.stock)
        return {"second": list(self.ran), "state": ours, "stock": stock, "history": await self.history(graph), **more}

    async def history(self, graph: Any) -> list[Any]:
        bound = graph.copy(update={"checkpointer": self.stock})
        return [
            (plain(found.values), found.next, found.metadata["source"], found.metadata["step"])
            async for found in bound.aget_state_history(at(self.name))
        ]

    def node(self, name: str, *, fails: bool = False, asks: bool = False, wait: float = 0.0) -> Any:
        async def run(_: Any) -> Any:
            self.ran.append(name)
            await asyncio.sleep(wait)
            if fails and self.broken:
                raise Broken(name)
            said = f"{name} {interrupt(f'{name}?')}" if asks else name
            return {"seen": [said], "count": 1}

        return run


def plain(values: Any) -> Any:
    """Without the ids that differ from run to run."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    return (values.type, values.content) if hasattr(values, "content") else values
