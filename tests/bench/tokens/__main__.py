"""What a streamed token costs the service beside the image that landed last: its CPU time, in interleaved rounds."""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from tests import rig
from tests.integration.world import STRUCTURED, enveloped
from tests.upgrade import landed
from tests.upgrade.images import Image
from tools.version import ROOT

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
        yield {image.name: await opened.enter_async_context(_service(image, given)) for image in images}


@asynccontextmanager
async def _service(image: Image, given: dict[str, str]) -> AsyncIterator[Service]:
    """With streams and a database of its own."""
    tag = f"b{uuid.uuid4().hex[:10]}"
    own = {
        **given,
        Env.NATS_STREAM_NAME: tag.upper(),
        Env.NATS_CONSUMER_GROUP: tag,
        Env.EXECUTOR_SUBJECT_PREFIX: tag,
        Env.POSTGRES_DB: tag,
        Env.EXECUTOR_GRAPHS: str(GRAPHS),
        Env.EXECUTOR_DRAIN_SECONDS: "0",
        Env.PORT: str(free_port()),
    }
    async with rig.database(given, tag), rig.streams(given, tag.upper()):
        await rig.provision(own)
        with tempfile.TemporaryDirectory() as folder:
            async with Service(own, log=Path(folder) / "log", program=image.program) as service:
                yield service


async def _streamed(service: Service, tokens: int) -> float:
    """Seconds of CPU time from a job that streams so many tokens being sent to its end being told."""
    job_id = f"bench-{uuid.uuid4().hex[:8]}"
    payload = {"messages": [{"role": "user", "content": str(tokens)}]}
    data = {"job_id": job_id, "agent_definition": {"graph": "speaking"}, "input_payload": payload}
    before = _spent(service.pid)
    async with httpx.AsyncClient(base_url=service.url, timeout=330) as http:
        answer = await http.post("/", json=enveloped(data), headers=STRUCTURED | {"prefer": "wait=300"})
    answer.raise_for_status()
    assert "result" in answer.json(), answer.text
    return _spent(service.pid) - before


def _spent(pid: int | None) -> float:
    """Seconds of CPU time."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print medians and their ratio, and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench-tokens", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    parser.add_argument("--tokens", type=int, default=8000, help="of a job, fewer than the buffer holds (default 8000)")
    given = parser.parse_args()
    images = [Image("new", ROOT), Image("landed", landed.provide())]
    found = asyncio.run(measure(images, given.rounds, given.tokens))
    middle = {name: statistics.median(costs) for name, costs in found.items()}
    ratios = [new / old for new, old in zip(found["new"], found["landed"], strict=True)]
    print(
        f"CPU µs a token: new {middle['new']:.1f}, landed {middle['landed']:.1f}; ratio {statistics.median(ratios):.2f}"
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
