"""What the API stands on: nothing while the service starts, everything once it is open."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from executor.api.auth import Authentication
from executor.api.service import JobService
from executor.errors import TryAgain
from executor.telemetry import Metrics

Check = Callable[[], Coroutine[None, None, None]]


@dataclass
class State:
    """Filled in by the service; `deciding` checks make it ready, `reported` ones are only told.

    Without an `authentication` everybody may do everything.
    """

    metrics: Metrics
    jobs: JobService | None = None
    deciding: dict[str, Check] = field(default_factory=dict)
    reported: dict[str, Check] = field(default_factory=dict)
    stopping: bool = False
    authentication: Authentication | None = None

    def open_jobs(self) -> JobService:
        """The service behind the routes; raises TryAgain while there is none."""
        if self.jobs is None:
            raise TryAgain("the service is starting: it waits for NATS and Postgres")
        return self.jobs
