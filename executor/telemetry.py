"""Logs are events with fields; metrics are Prometheus's."""

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


def configure_logs(level: str) -> None:
    """Log to stderr: JSON where a machine reads it, colours on a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # not the richer ones: they print local variables, secrets too
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class Metrics:
    """What the service counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter("agent_executor_jobs", "Jobs that ended, by outcome", ["outcome"], registry=self.registry)
        self.attempts = Counter("agent_executor_attempts", "Attempts that began", registry=self.registry)
        self.retries = Counter(
            "agent_executor_retries", "Attempts that failed and will be tried again", registry=self.registry
        )
        self.dead_letters = Counter(
            "agent_executor_dead_letters", "Dead letters, by reason", ["reason"], registry=self.registry
        )
        self.running = Gauge("agent_executor_running_jobs", "Jobs that run now", registry=self.registry)
        self.duration = Histogram(
            "agent_executor_job_seconds",
            "Seconds from a job's first attempt to its outcome",
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
            registry=self.registry,
        )
