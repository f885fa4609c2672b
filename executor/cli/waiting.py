"""Waiting until a job is somewhere."""

import time
from collections.abc import Collection
from typing import Any

from executor.cli.exits import Stopped
from executor.cli.outage import Outage
from executor.cli.progress import progress
from executor.cli.service import Service
from executor.jobs.locations import location_of

ENDED = frozenset({"completed", "failed", "cancelled"})
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0


def waited(service: Service, job_id: str, statuses: Collection[str], seconds: float) -> dict[str, Any]:
    """The job once it has one of these statuses, or as it is when the seconds are over."""
    begun, pause, outage = time.monotonic(), FIRST_PAUSE, Outage()
    until = begun + seconds
    asking = service.asked()
    with progress() as say:
        while True:
            try:
                job: dict[str, Any] = asking.get(location_of(job_id))
            except Stopped as error:
                if time.monotonic() >= until:
                    raise
                outage.goes_on(error)
                continue
            outage.is_over()
            left = until - time.monotonic()
            if job["status"] in statuses or left <= 0:
                return job
            say(f"{time.monotonic() - begun:.0f} s: {job_id} is {job['status']}")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
