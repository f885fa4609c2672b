"""What the function counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)


@dataclass
class Call:
    """One call under way; `error` stands unless it comes to an end."""

    outcome: str = "error"


class Metrics:
    """Calls by outcome, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "function_agent_executor_calls", "Calls of the function by outcome.", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "function_agent_executor_call_seconds", "Seconds that a call took.", buckets=SECONDS, registry=registry
        )

    @contextmanager
    def call(self) -> Iterator[Call]:
        """Count one call and time it."""
        call = Call()
        try:
            with self._seconds.time():
                yield call
        finally:
            self._calls.labels(call.outcome).inc()
