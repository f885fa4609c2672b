"""What a streamed token costs the service beside the image that landed last: its CPU time, in interleaved rounds."""

import argparse
import asyncio
import json
import statistics
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from executor import embedded
from executor.embedded.commands import Service
from tests import rig
from tests.bench import beside
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade.images import Image

GRAPHS = Path(__file__).parent / "langgraph.json"
JOBS = 5  # of a measurement, one after the other


async def measure(images: Sequence[Image], rounds: int, tokens: int) -> dict[str, list[float]]:
    """Microseconds of CPU time a token by image, the rest of its job included; the first round only warms up."""
    found: dict[str, list[float]] = {image.name: [] for image in images}
    async with embedded.servers() as servers:
        await rig.drop_anchor(servers.environment())
        async with _services(images, servers.environment()) as services:
            for number in range(rounds + 1):
                for name, service in services.items():
                    spent = [await _streamed(service, tokens) for _ in range(JOBS)]
                    cost = sum(spent) / JOBS / tokens * 1e6
                    print(f"round {number} of {rounds}, {name}: {cost:.1f}", file=sys.stderr)
                    found[name] += [cost] if number else []
    return found


@asynccontextmanager
async def _services(images: Sequence[Image], given: dict[str, str]) -> AsyncIterator[dict[str, Service]]:
    """One of each image; all run at once, and only one works."""
    async with AsyncExitStack() as opened:
        found = {}
        for image in images:
            place = await opened.enter_async_context(beside.own_place(given))
            found[image.name] = await opened.enter_async_context(beside.at_work(image, place, GRAPHS))
        yield found


async def _streamed(service: Service, tokens: int) -> float:
    """Seconds of CPU time from a job that streams so many tokens being sent to its end being told."""
    job_id = f"bench-{uuid.uuid4().hex[:8]}"
    payload = {"messages": [{"role": "user", "content": str(tokens)}]}
    data = {"job_id": job_id, "agent_definition": {"graph": "speaking"}, "input_payload": payload}
    before = beside.spent(service.pid)
    async with httpx.AsyncClient(base_url=service.url, timeout=330) as http:
        answer = await http.post("/", json=enveloped(data), headers=STRUCTURED | {"prefer": "wait=300"})
    answer.raise_for_status()
    assert "result" in answer.json(), answer.text
    return beside.spent(service.pid) - before


def main() -> None:
    """Measure, print medians and their ratio, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-tokens", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    parser.add_argument("--tokens", type=int, default=8000, help="of a job, fewer than the buffer holds (default 8000)")
    given = parser.parse_args()
    found = asyncio.run(measure(beside.images(), given.rounds, given.tokens))
    middle = {name: statistics.median(costs) for name, costs in found.items()}
    ratios = [new / old for new, old in zip(found["new"], found["landed"], strict=True)]
    print(
        f"CPU µs a token: new {middle['new']:.1f}, landed {middle['landed']:.1f}; ratio {statistics.median(ratios):.2f}"
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
