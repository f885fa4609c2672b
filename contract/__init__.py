"""Names that the function writes and the executor reads: the only code that both images share."""

from enum import StrEnum

PORT = 8080
HEALTH_PATH = "/health"
READY_PATH = "/ready"
METRICS_PATH = "/metrics"

EVENT_TYPE_PREFIX = "io.bizmatters.agent"
EXECUTE_TYPE = f"{EVENT_TYPE_PREFIX}.execute"

DEFAULT_NATS_URL = "nats://nats.nats.svc:4222"
DEFAULT_STREAM = "AGENT_EXECUTION"
DEFAULT_SUBJECT_PREFIX = "agent"
DEFAULT_CONCURRENCY = 5
DEFAULT_DRAIN_SECONDS = 30

SERVE_COMMAND = ("agent-executor", "serve")
MIGRATE_COMMAND = ("agent-executor", "migrate")
STREAMS_COMMAND = ("agent-executor", "streams")


class Env(StrEnum):
    """The environment of the executor's containers."""

    NATS_URL = "NATS_URL"
    NATS_STREAM_NAME = "NATS_STREAM_NAME"
    NATS_CONSUMER_GROUP = "NATS_CONSUMER_GROUP"
    NATS_USER = "NATS_USER"
    NATS_PASSWORD = "NATS_PASSWORD"
    NATS_CREDS = "NATS_CREDS"
    NATS_CA = "NATS_CA"

    POSTGRES_HOST = "POSTGRES_HOST"
    POSTGRES_PORT = "POSTGRES_PORT"
    POSTGRES_DB = "POSTGRES_DB"
    POSTGRES_USER = "POSTGRES_USER"
    POSTGRES_PASSWORD = "POSTGRES_PASSWORD"
    POSTGRES_SSLMODE = "POSTGRES_SSLMODE"
    POSTGRES_SSLROOTCERT = "POSTGRES_SSLROOTCERT"

    DRAGONFLY_HOST = "DRAGONFLY_HOST"
    DRAGONFLY_PORT = "DRAGONFLY_PORT"
    DRAGONFLY_PASSWORD = "DRAGONFLY_PASSWORD"

    OPENAI_API_KEY = "OPENAI_API_KEY"
    ANTHROPIC_API_KEY = "ANTHROPIC_API_KEY"
    OPENAI_BASE_URL = "OPENAI_BASE_URL"
    ANTHROPIC_BASE_URL = "ANTHROPIC_BASE_URL"

    PORT = "PORT"

    EXECUTOR_NAME = "EXECUTOR_NAME"
    EXECUTOR_SUBJECT_PREFIX = "EXECUTOR_SUBJECT_PREFIX"
    EXECUTOR_STREAM_REPLICAS = "EXECUTOR_STREAM_REPLICAS"
    EXECUTOR_CONCURRENCY = "EXECUTOR_CONCURRENCY"
    EXECUTOR_DRAIN_SECONDS = "EXECUTOR_DRAIN_SECONDS"
    EXECUTOR_MAX_ATTEMPTS = "EXECUTOR_MAX_ATTEMPTS"
    EXECUTOR_DEFAULT_MODEL = "EXECUTOR_DEFAULT_MODEL"
    EXECUTOR_LOG_LEVEL = "EXECUTOR_LOG_LEVEL"
    EXECUTOR_EVENTS_KEEP_SECONDS = "EXECUTOR_EVENTS_KEEP_SECONDS"
    EXECUTOR_EVENTS_KEEP_ENTRIES = "EXECUTOR_EVENTS_KEEP_ENTRIES"


REQUIRED_POSTGRES = (
    Env.POSTGRES_HOST,
    Env.POSTGRES_PORT,
    Env.POSTGRES_DB,
    Env.POSTGRES_USER,
    Env.POSTGRES_PASSWORD,
)
REQUIRED_DRAGONFLY = (Env.DRAGONFLY_HOST, Env.DRAGONFLY_PORT)
LLM_KEYS = (Env.OPENAI_API_KEY, Env.ANTHROPIC_API_KEY)


def status_stream(stream: str) -> str:
    """The stream of results beside the stream of jobs: `AGENT_STATUS` for the default one, else `X_STATUS`."""
    return _beside(stream, "STATUS")


def dead_letter_stream(stream: str) -> str:
    """The stream of dead letters beside the stream of jobs: `AGENT_DLQ` for the default one, else `X_DLQ`."""
    return _beside(stream, "DLQ")


def _beside(stream: str, word: str) -> str:
    return f"AGENT_{word}" if stream == DEFAULT_STREAM else f"{stream}_{word}"
