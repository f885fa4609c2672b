"""Jobs of the graph in steps.py: asked for, watched and steered from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor.embedded.loopback import wait_until
from tests.integration.durable.aftermath import becomes
from tests.integration.world import World, enveloped

GRAPHS = Path(__file__).with_name("langgraph.json")
Acts = Mapping[str, list[str]]


@dataclass(frozen=True)
class Steps:
    """What the steps of all jobs do; `folder` is where they say that they began, and are opened."""

    folder: Path

    def job(
        self, name: str, acts: Acts | None = None, *, thread: str | None = None, graph: str = "steps", **more: Any
    ) -> dict[str, Any]:
        """An event that asks for these acts, with more attributes where given."""
        data = {
            "job_id": name,
            "agent_definition": {"graph": graph},
            "input_payload": {"job": name, "acts": dict(acts or {}), "done": []},
        }
        return enveloped(data | ({"thread_id": thread} if thread else {}), **more)

    def open(self, name: str, step: str) -> None:
        """Let a step end that waits, or that fails."""
        (self.folder / f"{name}.{step}.open").touch()

    def begun(self, name: str) -> list[str]:
        """The steps of a job in the order in which they began, each as `STEP@IMAGE`."""
        log = self.folder / f"{name}.begun"
        return log.read_text().split() if log.exists() else []

    async def until_begun(self, name: str, *steps: str) -> None:
        """Return once these have begun, and no others."""

        async def have() -> bool:
            return self.begun(name) == list(steps)

        await wait_until(f"of {name} have begun {', '.join(steps)}", have)


async def settled(place: World, name: str, status: str) -> None:
    """Return once a job is left like this and nobody is at it any more: a worker that is killed now loses nothing."""

    async def idle() -> bool:
        unmarked = await place.rows("SELECT id FROM outbox WHERE published_at IS NULL")
        return not unmarked and not await place.unfinished()

    await becomes(place, name, status)
    await wait_until(f"nobody is at {name}", idle)
