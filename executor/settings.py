"""All settings, in groups: each is read once into a frozen object."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr

from contract import (
    DEFAULT_CONCURRENCY,
    DEFAULT_DRAIN_SECONDS,
    DEFAULT_SUBJECT_PREFIX,
    EXECUTE_TYPE,
    PORT,
    Env,
    dead_letter_stream,
    status_stream,
)
from executor.environment import Group, host_alone
from executor.errors import Misconfigured
from executor.issuers import Issuers
from executor.variables import given

Word = Annotated[str, Field(min_length=1)]
Host = Annotated[Word, AfterValidator(host_alone)]
NetworkPort = Annotated[int, Field(ge=1, le=65535)]
FailpointName = Literal["taken", "claimed", "running", "finished", "published", "acknowledged", "parked", "woken"]
DAY = 86_400.0
ORIGINS = r"^(\s*(\*|https?://[^/,\s]+)\s*(,|$))*$"  # RFC 6454, section 6.2
ACK_WAIT = 15.0  # seconds until the broker gives an unheard-of message to somebody else; promised, so no setting
# In seconds. A stream may not be younger than its duplicate window, which NATS refuses.
Age = Annotated[float, Field(ge=600)]


class NatsSettings(Group):
    """The broker, and the names of what lies on it."""

    url: Word = Field(validation_alias=Env.NATS_URL)
    """The servers, `nats://` or `tls://`, separated by commas."""
    stream: Word = Field(validation_alias=Env.NATS_STREAM_NAME)
    """The stream of jobs; those of results and dead letters are named after it."""
    consumer: Word = Field(validation_alias=Env.NATS_CONSUMER_GROUP)
    """The durable consumer that all replicas share."""
    subject_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = Field(
        DEFAULT_SUBJECT_PREFIX, validation_alias=Env.EXECUTOR_SUBJECT_PREFIX
    )
    """What all subjects begin with."""
    replicas: Annotated[int, Field(ge=1, le=5)] = Field(1, validation_alias=Env.EXECUTOR_STREAM_REPLICAS)
    """Copies of each stream."""
    jobs_max_age: Age = Field(DAY, validation_alias=Env.EXECUTOR_JOBS_MAX_AGE_SECONDS)
    """Seconds that jobs stay in their stream."""
    results_max_age: Age = Field(DAY, validation_alias=Env.EXECUTOR_RESULTS_MAX_AGE_SECONDS)
    """Seconds that results stay in their stream."""
    dead_letters_max_age: Age = Field(30 * DAY, validation_alias=Env.EXECUTOR_DEAD_LETTERS_MAX_AGE_SECONDS)
    """Seconds that dead letters stay in their stream."""
    user: str | None = Field(None, validation_alias=Env.NATS_USER)
    """Where the broker has accounts."""
    password: SecretStr | None = Field(None, validation_alias=Env.NATS_PASSWORD)
    """Goes with the user."""
    creds: SecretStr | None = Field(None, validation_alias=Env.NATS_CREDS)
    """A credentials file of NATS, or its text."""
    ca: str | None = Field(None, validation_alias=Env.NATS_CA)
    """The certificates that the broker is checked against: a file, or its text in PEM."""

    @property
    def servers(self) -> list[str]:
        """The servers of the URL, one by one."""
        return [server.strip() for server in self.url.split(",") if server.strip()]

    @property
    def status_stream(self) -> str:
        """The stream of results."""
        return status_stream(self.stream)

    @property
    def dead_letter_stream(self) -> str:
        """The stream of dead letters."""
        return dead_letter_stream(self.stream)

    def subject(self, *tokens: str) -> str:
        """A subject below the prefix."""
        return ".".join((self.subject_prefix, *tokens))


class PostgresSettings(Group):
    """The database of checkpoints and of the ledger."""

    host: Host = Field(validation_alias=Env.POSTGRES_HOST)
    """The server; of `host:port` the host."""
    port: NetworkPort = Field(validation_alias=Env.POSTGRES_PORT)
    """Its port."""
    database: Word = Field(validation_alias=Env.POSTGRES_DB)
    """The database; its tables come from `agent-executor migrate`."""
    user: Word = Field(validation_alias=Env.POSTGRES_USER)
    """Who logs in."""
    password: SecretStr = Field(validation_alias=Env.POSTGRES_PASSWORD)
    """May hold any printable character."""
    sslmode: str | None = Field(None, validation_alias=Env.POSTGRES_SSLMODE)
    """libpq's: `disable` to `verify-full`."""
    sslrootcert: str | None = Field(None, validation_alias=Env.POSTGRES_SSLROOTCERT)
    """A file with the certificates that the server is checked against."""

    def conninfo(self) -> dict[str, Any]:
        """Keyword arguments of a libpq connection; holds the password."""
        given = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password.get_secret_value(),
            "sslmode": self.sslmode,
            "sslrootcert": self.sslrootcert,
        }
        return {key: value for key, value in given.items() if value is not None}


class CheckpointSettings(Group):
    """How the state of a job is kept from step to step."""

    saver: Literal["group", "stock"] = Field("group", validation_alias=Env.EXECUTOR_CHECKPOINT_SAVER)
    """`group` commits the steps of many jobs together, fenced; `stock` is LangGraph's own saver."""
    writes: Literal["keep", "drop"] = Field("drop", validation_alias=Env.EXECUTOR_CHECKPOINT_WRITES)
    """`keep` leaves each task's result in the history of the thread."""
    messages: Literal["whole", "delta"] = Field("whole", validation_alias=Env.EXECUTOR_CHECKPOINT_MESSAGES)
    """`delta` stores of a plain agent's messages what each step adds; deep agents always do."""


class DragonflySettings(Group):
    """The Redis-protocol server that events are streamed through."""

    host: Host = Field(validation_alias=Env.DRAGONFLY_HOST)
    """The server; of `host:port` the host."""
    port: NetworkPort = Field(validation_alias=Env.DRAGONFLY_PORT)
    """Its port."""
    user: str | None = Field(None, validation_alias=Env.DRAGONFLY_USER)
    """Where the server has users."""
    password: SecretStr | None = Field(None, validation_alias=Env.DRAGONFLY_PASSWORD)
    """Where the server has one."""
    tls: bool | None = Field(None, validation_alias=Env.DRAGONFLY_TLS)
    """Whether TLS is spoken. By default where `DRAGONFLY_CA` is set."""
    ca: str | None = Field(None, validation_alias=Env.DRAGONFLY_CA)
    """Certificates that the server is checked against beside the system's: a file, or its text in PEM."""
    keep_seconds: Annotated[int, Field(ge=1)] = Field(3600, validation_alias=Env.EXECUTOR_EVENTS_KEEP_SECONDS)
    """Seconds that a thread's stream stays after its last entry."""
    keep_entries: Annotated[int, Field(ge=1)] = Field(10_000, validation_alias=Env.EXECUTOR_EVENTS_KEEP_ENTRIES)
    """About how many entries a thread's stream holds."""

    @property
    def speaks_tls(self) -> bool:
        """Whether TLS is spoken."""
        return self.ca is not None if self.tls is None else self.tls


class ModelSettings(Group):
    """The providers of language models; a key that is missing refuses the definitions that need it."""

    openai_api_key: SecretStr | None = Field(None, validation_alias=Env.OPENAI_API_KEY)
    """Without it, definitions that name OpenAI are refused."""
    openai_base_url: str | None = Field(None, validation_alias=Env.OPENAI_BASE_URL)
    """A gateway in its place."""
    anthropic_api_key: SecretStr | None = Field(None, validation_alias=Env.ANTHROPIC_API_KEY)
    """Without it, definitions that name Anthropic are refused."""
    anthropic_base_url: str | None = Field(None, validation_alias=Env.ANTHROPIC_BASE_URL)
    """A gateway in its place."""
    default: Annotated[str, Field(pattern=r"^[^:]+:.+$")] = Field(
        "openai:gpt-4.1-mini", validation_alias=Env.EXECUTOR_DEFAULT_MODEL
    )
    """`provider:model` of an agent that names none."""


class WorkerSettings(Group):
    """How jobs are worked."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(
        DEFAULT_CONCURRENCY, validation_alias=Env.EXECUTOR_CONCURRENCY
    )
    """Jobs at once in a pod; KEDA scales by the same number."""
    drain_seconds: Annotated[float, Field(ge=0)] = Field(
        DEFAULT_DRAIN_SECONDS, validation_alias=Env.EXECUTOR_DRAIN_SECONDS
    )
    """How long a stop waits for running steps to end."""
    max_attempts: Annotated[int, Field(ge=1)] = Field(5, validation_alias=Env.EXECUTOR_MAX_ATTEMPTS)
    """How often a step is tried before its job becomes a dead letter."""
    retry_seconds: Annotated[float, Field(gt=0)] = Field(3600, validation_alias=Env.EXECUTOR_RETRY_SECONDS)
    """Seconds that a job is tried again while only the world is at fault, instead of by attempts."""
    job_timeout_seconds: Annotated[float, Field(gt=0)] = Field(3600, validation_alias=Env.EXECUTOR_JOB_TIMEOUT_SECONDS)
    """Seconds that one attempt may take."""
    keep_jobs_seconds: Annotated[float, Field(gt=0)] = Field(
        7 * 86_400, validation_alias=Env.EXECUTOR_KEEP_JOBS_SECONDS
    )
    """Seconds that an ended job, its result and its checkpoints are kept."""


class AccessSettings(Group):
    """Who may call over HTTP, and whose jobs are whose."""

    issuers: Issuers = Field("[]", validation_alias=Env.EXECUTOR_AUTH, validate_default=True)
    """Whose tokens callers must show, a JSON list ([security.md](security.md)); where it is empty, none."""
    tenant: Annotated[str, Field(max_length=255)] = Field("", validation_alias=Env.EXECUTOR_TENANT)
    """The tenant to whom jobs belong that came over NATS, or before tokens were asked for."""

    @property
    def own_tenant(self) -> str | None:
        """The tenant of what has none; None where tenants are not told apart."""
        return self.tenant if self.issuers else None


class ServiceSettings(Group):
    """The process itself."""

    name: Word = Field("agent-executor", validation_alias=Env.EXECUTOR_NAME)
    """The `source` of every event."""
    port: NetworkPort = Field(PORT, validation_alias=Env.PORT)
    """Where the HTTP API listens."""
    watchers: Annotated[int, Field(ge=0)] = Field(2000, validation_alias=Env.EXECUTOR_WATCHERS)
    """How many may follow jobs at a pod at the same time; whoever comes then is told to come again, with a 503."""
    cors: Annotated[str, Field(pattern=ORIGINS)] = Field("", validation_alias=Env.EXECUTOR_CORS_ORIGINS)
    """Origins whose pages in a browser may ask, separated by commas: `https://chat.example.com`, or `*` for any."""
    more_types: str = Field("", validation_alias=Env.EXECUTOR_ACCEPTED_TYPES)
    """Types of events beside `io.bizmatters.agent.execute` that are jobs, separated by commas."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", validation_alias=Env.EXECUTOR_LOG_LEVEL
    )
    """`debug`, `info`, `warning` or `error`."""
    graphs: Path = Field(Path("langgraph.json"), validation_alias=Env.EXECUTOR_GRAPHS)
    """The file that names the graphs which the image brings along, in LangGraph's format; it need not be there."""
    agents: Path = Field(Path("/etc/agent-executor/agents"), validation_alias=Env.EXECUTOR_AGENTS)
    """The folder of named agents, a definition in JSON or YAML each, also one folder deeper; it need not be there."""
    agents_inline: bool = Field(True, validation_alias=Env.EXECUTOR_AGENTS_INLINE)
    """Whether definitions may come in messages; else a job names its agent."""
    crash_at: FailpointName | None = Field(None, validation_alias=Env.EXECUTOR_CRASH_AT)
    """For tests: where in a job's path the process kills itself."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins whose pages may ask."""
        return _words(self.cors)

    @property
    def accepted_types(self) -> frozenset[str]:
        """The types of events that are jobs."""
        return frozenset({EXECUTE_TYPE, *_words(self.more_types)})


class Settings(ServiceSettings):
    """All that `agent-executor serve` reads."""

    nats: NatsSettings
    postgres: PostgresSettings
    checkpoints: CheckpointSettings
    dragonfly: DragonflySettings
    models: ModelSettings
    worker: WorkerSettings
    access: AccessSettings

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read every group; raises Misconfigured with one line that names all that is missing or wrong."""
        groups: dict[str, Any] = {}
        complaints: list[str] = []
        for name, group in cls.groups():
            try:
                groups[name] = group.read(environ)
            except Misconfigured as error:
                complaints.append(str(error))
        if complaints:
            raise Misconfigured("; ".join(complaints))
        del groups["service"]
        return cls.model_validate({**given(environ), **groups})

    def scrub(self, text: str) -> str:
        """The text without any secret of these settings, as it is and as errors spell it."""
        return scrubbed(text, self._secrets())

    def _secrets(self) -> Iterator[str]:
        for name, _ in self.groups():
            for _, value in getattr(self, name, self):
                if isinstance(value, SecretStr):
                    yield value.get_secret_value()

    @classmethod
    def groups(cls) -> Iterator[tuple[str, type[Group]]]:
        """The groups by name."""
        yield "service", ServiceSettings
        for name, field in cls.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
                yield name, field.annotation

    @classmethod
    def variables(cls) -> dict[str, bool]:
        """The environment variables of all groups, and whether each is required."""
        return {name: required for _, group in cls.groups() for name, required in group.variables().items()}


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """The text without any of these secrets, as they are and as errors spell them."""
    spelled = {form for secret in secrets for form in _spellings(secret)}
    for secret in sorted(spelled, key=len, reverse=True):  # one may begin another
        text = text.replace(secret, "***")
    return text


def is_pem(text: str) -> bool:
    """Whether a setting is the text of a PEM file itself, and not the file's name."""
    return "-----BEGIN" in text


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    for quoted in (json.dumps(secret), repr(secret), repr(secret.encode())[1:]):
        yield quoted[1:-1]
