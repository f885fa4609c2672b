"""The optional groups of a claim's spec. A rule over several fields stands twice: for the function, and as CEL."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

import contract
from function.claim.schema import fields


def rules(*pairs: tuple[str, str]) -> ConfigDict:
    """CEL rules with their messages, for the API server to enforce."""
    return ConfigDict(
        json_schema_extra={"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}
    )


class Group(BaseModel):
    """Fields that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


MOST_AT_ONCE = 1000  # what the executor takes
ORDERED = "minReplicas must not be greater than maxReplicas"
DRAINS_TO_ZERO = "minReplicas must be 0 where mode is drain: replicas go only when no job is left, and then all of them"


class Scaling(Group):
    """How the number of replicas follows the lag of the consumer."""

    model_config = rules(
        ("self.minReplicas <= self.maxReplicas", ORDERED),
        ("self.mode != 'drain' || self.minReplicas == 0", DRAINS_TO_ZERO),
    )

    monitoring_endpoint: fields.Endpoint | None = Field(
        default=None,
        description="The host:port of NATS's HTTP monitoring. By default derived from a natsUrl that names a Service.",
        examples=["nats-headless.nats.svc.cluster.local:8222"],
    )
    account: fields.Account = Field(default="$G", description="The NATS account that the stream belongs to.")
    lag_threshold: int = Field(
        default=contract.DEFAULT_CONCURRENCY, ge=1, le=10000, description="The jobs per replica that scaling aims at."
    )
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=MOST_AT_ONCE,
        description="The jobs that one replica takes at once. By default lagThreshold, so that replicas are neither "
        "idle nor too few.",
        examples=[5],
    )
    min_replicas: int = Field(
        default=1, ge=0, le=1000, description="The fewest replicas. With 0 the service sleeps while there is no job."
    )
    max_replicas: int = Field(default=10, ge=1, le=1000, description="The most replicas.")
    mode: Literal["gradual", "drain"] = Field(
        default="gradual",
        description="How replicas go. gradual: one at a time, each with the time to hand its jobs on. drain: none "
        "while any job is waiting or running, then all; needs minReplicas 0.",
    )
    polling_seconds: int = Field(
        default=10,
        ge=1,
        le=300,
        description="How often the lag is looked at; the longest that a job waits for a sleeping service.",
    )
    cooldown_seconds: int = Field(
        default=300, ge=0, le=86400, description="How long there must have been no job before the last replica goes."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(ORDERED)
        if self.mode == "drain" and self.min_replicas:
            raise ValueError(DRAINS_TO_ZERO)
        return self


class Streams(Group):
    """Who makes the streams on the broker, and how they are named and kept."""

    provisioning: Literal["Job", "None"] = Field(
        default="Job",
        description="Job: the claim's own Job creates and updates the streams and the consumer. None: the platform "
        "has made them, and the service is not ready before they are there.",
    )
    subject_prefix: fields.Subject = Field(
        default=contract.DEFAULT_SUBJECT_PREFIX,
        description="The beginning of all subjects; services on one broker need different ones.",
    )
    replicas: int = Field(default=1, ge=1, le=5, description="On how many servers of the broker each stream is kept.")
    jobs_max_age_hours: int = Field(default=24, ge=1, le=8760, description="How long a job may wait to be worked.")
    results_max_age_hours: int = Field(
        default=24, ge=1, le=8760, description="How long results can be read from their stream."
    )
    dead_letters_max_age_hours: int = Field(default=720, ge=1, le=87600, description="How long dead letters are kept.")


class Nats(Group):
    """How the broker is entered."""

    credentials_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the credentials for a broker with accounts. By default none are sent.",
        examples=["agent-executor-nats"],
    )
    credentials: Literal["password", "creds"] = Field(
        default="password",
        description="What that Secret holds. password: NATS_USER and NATS_PASSWORD. creds: NATS_CREDS, the text of a "
        "creds file.",
    )
    ca_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the broker's certificate authority under ca.crt, for tls:// with a private one.",
        examples=["nats-ca"],
    )


class Postgres(Group):
    """How the database is reached."""

    secret_keys: Literal["env", "crossplane", "cnpg"] = Field(
        default="env",
        description="The keys in postgresConnectionSecret. env: POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD. "
        "crossplane: endpoint, port, database, username, password. cnpg: host, port, dbname, username, password.",
    )
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description="libpq's sslmode. By default verify-full with a caSecret, and libpq's own default without.",
        examples=["require"],
    )
    ca_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the database's certificate authority under ca.crt.",
        examples=["postgres-ca"],
    )


class Dragonfly(Group):
    """How the server that events are streamed through is reached."""

    secret_keys: Literal["env", "crossplane"] = Field(
        default="env",
        description="The keys in dragonflyConnectionSecret. env: DRAGONFLY_HOST, _PORT, _PASSWORD. crossplane: "
        "endpoint, port, password. The user's name may be there, DRAGONFLY_USER or username, and the password missing.",
    )
    user: bool = Field(
        default=False,
        description="Whether a secretStore has a user's name for it. Without a secretStore the Secret decides.",
    )
    password: bool = Field(
        default=True,
        description="Whether a secretStore has a password for it. Without a secretStore the Secret decides.",
    )
    tls: bool | None = Field(
        default=None, description="Whether TLS is spoken. By default where there is a caSecret.", examples=[True]
    )
    ca_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the server's certificate authority under ca.crt, where it has one of its own.",
        examples=["dragonfly-ca"],
    )


class Retry(Group):
    """How long the world's faults are tried again."""

    seconds: int | None = Field(
        default=None,
        ge=60,
        le=604800,
        description="The time that a job gets while only the world is at fault: a provider that is overloaded or away, "
        "a server that does not answer. By default an hour.",
        examples=[7200],
    )


class Llm(Group):
    """Where the model providers are, if not at their own addresses."""

    openai_base_url: fields.HttpUrl | None = Field(
        default=None, description="A gateway that speaks OpenAI's protocol.", examples=["https://llm.example/v1"]
    )
    anthropic_base_url: fields.HttpUrl | None = Field(
        default=None,
        description="A gateway that speaks Anthropic's protocol.",
        examples=["https://llm.example/anthropic"],
    )


EACH_ONCE = "configMaps must name each ConfigMap once"


class Agents(Group):
    """The agents that jobs may name, and whether they may bring their own."""

    config_maps: tuple[fields.ConfigMapName, ...] = Field(
        default=(),
        max_length=16,
        strict=False,
        description="The ConfigMaps with definitions of named agents, a JSON or YAML file each under the agent's name. "
        "The pods have them as files, one folder for each ConfigMap, and wait while one is missing.",
        examples=[["agent-prompts"]],
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    inline: bool = Field(
        default=True, description="Whether a job may bring its own definition. Without, it names its agent."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(self.config_maps) != len({*self.config_maps}):
            raise ValueError(EACH_ONCE)
        return self


class SecretStore(Group):
    """The Secrets that External Secrets fetches from a store, each below the prefix."""

    name: fields.ObjectName = Field(description="The name of the store.", examples=["team-store"])
    kind: Literal["ClusterSecretStore", "SecretStore"] = Field(
        default="ClusterSecretStore", description="Whether the store is the platform's or the namespace's own."
    )
    prefix: fields.StorePath = Field(
        description="Where the store keeps this service's values: <prefix>/postgres/host, port, db, user, password; "
        "<prefix>/dragonfly/host, port, user, password; <prefix>/openai_api_key, anthropic_api_key; "
        "<prefix>/registry/username, password.",
        examples=["/team/prod/agent-executor"],
    )
    registry_prefix: fields.StorePath | None = Field(
        default=None,
        description="Where username and password of the image's registry are. By default <prefix>/registry.",
        examples=["/team/prod/registry"],
    )
    refresh_interval: fields.Interval = Field(default="1h", description="How often the values are fetched again.")
    api_version: Literal["v1", "v1beta1"] = Field(
        default="v1", description="The version of external-secrets.io that the cluster serves: v1beta1 before 0.16."
    )
    provides: tuple[Literal["postgres", "dragonfly", "openai", "anthropic", "registry"], ...] = Field(
        default=("postgres", "dragonfly", "openai", "anthropic", "registry"),
        max_length=5,
        strict=False,
        description="What the store holds; the other Secrets must be there without it. registry makes the first of "
        "imagePullSecrets, if there is one, for the registry that the image begins with.",
    )


class Drain(Group):
    """What a pod does when it is told to stop."""

    seconds: int = Field(
        default=contract.DEFAULT_DRAIN_SECONDS,
        ge=1,
        le=3600,
        description="The time that running jobs get to reach their next step before another pod goes on with them.",
    )


class Monitoring(Group):
    """What the Prometheus operator is told, where it is installed."""

    pod_monitor: bool = Field(default=True, description="Whether the pods' metrics are scraped.")
    alerts: bool = Field(
        default=True, description="Whether there are alerts on lag, failures, dead letters and restarts."
    )
    scrape_seconds: int = Field(default=30, ge=5, le=300, description="How often metrics are scraped.")
    labels: dict[fields.LabelKey, fields.LabelValue] = Field(
        default={},
        max_length=16,
        description="Labels of the PodMonitor and the PrometheusRule, by which a Prometheus chooses them.",
        examples=[{"release": "prometheus"}],
    )
