"""Logs are events with fields; metrics are Prometheus's."""

import logging
import sys
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from executor.values import dumps

log = structlog.get_logger()


def configure_logs(level: str) -> None:
    """Log to stderr: JSON where a machine reads it, colours on a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # not the richer ones: they print local variables, secrets too
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[_Events()], level=logging.WARNING, force=True)


def _line(event: Any, **_: Any) -> str:
    return dumps(event).decode()


class _Events(logging.Handler):
    """What libraries log, as events too."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


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
        self.watchers = Gauge("agent_executor_watchers", "Requests that follow a job now", registry=self.registry)
        self.agents_refused = Gauge(
            "agent_executor_agents_refused",
            "Named agents whose files are not taken as they are now, and stay as they were",
            registry=self.registry,
        )
        self.duration = Histogram(
            "agent_executor_job_seconds",
            "Seconds from a job's first attempt to its outcome",
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
            registry=self.registry,
        )
        self.checkpoint_units = Histogram(
            "agent_executor_checkpoint_batch_units",
            "How many jobs' checkpoints were committed together",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self.registry,
        )
        self.checkpoint_seconds = Histogram(
            "agent_executor_checkpoint_commit_seconds",
            "Seconds of a commit of checkpoints, the round trip included",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self.waiting_units = Gauge(
            "agent_executor_checkpoint_waiting_units", "Checkpoints that wait for a commit", registry=self.registry
        )
        self.stale_epochs = Counter(
            "agent_executor_checkpoint_stale_epochs",
            "Checkpoints refused because another worker owns the job",
            registry=self.registry,
        )
