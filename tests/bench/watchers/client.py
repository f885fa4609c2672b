"""Those who watch, as a process of their own and as cheap as can be: what each entry took to come, as JSON at the end.

`python -m tests.bench.watchers.client PORT WATCHERS BEGIN END JOB...`
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop

from executor.embedded.loopback import HOST

AT = re.compile(rb'"at": ?([0-9.]+)')
TOGETHER = 50  # connections that are being made at the same time


@dataclass
class Heard:
    """What all of them heard, of the entries that came between two times."""

    begin: float
    end: float
    statuses: Counter[int] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)

    def report(self) -> dict[str, object]:
        """As JSON has it: answers by status, entries a second, milliseconds at the median and beyond 99 %."""
        late = statistics.quantiles(self.delays, n=100) if len(self.delays) > 1 else [0.0] * 99
        rate = len(self.delays) / (self.end - self.begin)
        return {"answers": dict(self.statuses), "entries/s": rate, "p50 ms": 1000 * late[49], "p99 ms": 1000 * late[98]}


class Watching(asyncio.Protocol):
    """One connection."""

    def __init__(self, job: str, heard: Heard) -> None:
        self._job = job
        self._heard = heard
        self._is_answered = False

    def connection_made(self, transport: Any) -> None:
        transport.write(f"GET /jobs/{self._job}/events HTTP/1.1\r\nhost: here\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if not self._is_answered:
            self._is_answered = True
            self._heard.statuses[int(data[9:12])] += 1
        if self._heard.begin <= now < self._heard.end:
            self._heard.delays += [now - float(at) for at in AT.findall(data)]


async def watch(port: int, watchers: int, jobs: list[str], heard: Heard) -> None:
    """All connect, a few at a time, and stay until the end."""
    places = asyncio.Semaphore(TOGETHER)

    async def connect(job: str) -> None:
        async with places:
            await asyncio.get_running_loop().create_connection(lambda: Watching(job, heard), HOST, port)

    await asyncio.gather(*(connect(jobs[number % len(jobs)]) for number in range(watchers)))
    await asyncio.sleep(heard.end - time.time())


def main() -> None:
    """Watch, and print what was heard."""
    port, watchers, begin, end, *jobs = sys.argv[1:]
    heard = Heard(float(begin), float(end))
    uvloop.run(watch(int(port), int(watchers), jobs, heard))
    print(json.dumps(heard.report()))


if __name__ == "__main__":
    main()
