"""The claim's spec: nine fields that stay, and optional groups. The XRD and what is generated from it come of these."""

from typing import Literal

from pydantic import Field

import contract
from function.claim.schema import fields
from function.claim.schema.auth import Auth
from function.claim.schema.groups import (
    Agents,
    Dragonfly,
    Drain,
    Group,
    Llm,
    Monitoring,
    Nats,
    Postgres,
    Retry,
    Scaling,
    SecretStore,
    Streams,
    rules,
)
from function.claim.schema.network import Network
from function.claim.schema.pods import Pod

NO_MONITORING = (
    "spec.scaling.monitoringEndpoint is required, because the first host of spec.natsUrl is no "
    "<service>.<namespace>.svc to derive it from"
)
DERIVABLE = (
    "(has(self.scaling) && has(self.scaling.monitoringEndpoint)) || self.natsUrl.matches("
    "'^(nats|tls)://[a-z0-9-]+[.][a-z0-9-]+[.]svc([.][a-z0-9.-]+)?(:[0-9]+)?(,.*)?$')"
)


class Spec(Group):
    """What runs, how large it is, and where its broker, databases and keys are."""

    model_config = rules((DERIVABLE, NO_MONITORING))

    image: fields.Image = Field(
        description="The executor's image; migrations, streams and service all run from it.",
        examples=["registry.example/team/agent-executor:v1"],
    )
    size: Literal["micro", "small", "medium", "large"] = Field(
        default="medium",
        description="CPU and memory of each pod, from 100m and 256Mi (micro) to 1000m and 2Gi (large) requested.",
    )
    nats_url: fields.NatsUrl = Field(
        default=contract.DEFAULT_NATS_URL,
        description="The NATS servers, nats:// or tls://, one or several separated by commas, without credentials.",
    )
    nats_stream_name: fields.NatsName = Field(
        default=contract.DEFAULT_STREAM,
        description="The JetStream stream of jobs; the streams of results and dead letters are named after it.",
    )
    nats_consumer_group: fields.NatsName | None = Field(
        default=None,
        description="The durable consumer that all replicas share. By default the claim's name and -workers.",
        examples=["agent-executor-workers"],
    )
    postgres_connection_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the connection to Postgres; postgres.secretKeys says which keys it has. By "
        "default the claim's name and -postgres.",
        examples=["agent-executor-postgres"],
    )
    dragonfly_connection_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with the connection to Dragonfly; dragonfly.secretKeys says which keys it has. By "
        "default the claim's name and -dragonfly.",
        examples=["agent-executor-dragonfly"],
    )
    llm_keys_secret: fields.SecretName | None = Field(
        default=None,
        description="The Secret with OPENAI_API_KEY or ANTHROPIC_API_KEY or both. By default the claim's name and "
        "-llm-keys.",
        examples=["agent-executor-llm-keys"],
    )
    image_pull_secrets: tuple[fields.SecretName, ...] = Field(
        default=(),
        max_length=16,
        strict=False,
        description="The names of the Secrets that the image is pulled with.",
        examples=[["registry-pull-secret"]],
    )
    scaling: Scaling = Field(
        default=Scaling(), description="How the number of replicas follows the lag of the consumer."
    )
    streams: Streams = Field(default=Streams(), description="Who makes the streams, and how they are named and kept.")
    nats: Nats = Field(default=Nats(), description="How the broker is entered.")
    postgres: Postgres = Field(default=Postgres(), description="How the database is reached.")
    dragonfly: Dragonfly = Field(
        default=Dragonfly(), description="How the server that events are streamed through is reached."
    )
    llm: Llm = Field(default=Llm(), description="Where the model providers are, if not at their own addresses.")
    agents: Agents = Field(
        default=Agents(), description="The agents that jobs may name, and whether they may bring their own."
    )
    auth: Auth = Field(
        default=Auth(),
        description="Whose tokens callers over HTTP must show. By default none: who may call at all is the network's "
        "business.",
    )
    secret_store: SecretStore | None = Field(
        default=None,
        description="The store that External Secrets fetches Secrets from. By default they must be there without it.",
    )
    retry: Retry = Field(default=Retry(), description="How long the world's faults are tried again.")
    drain: Drain = Field(default=Drain(), description="What a pod does when it is told to stop.")
    pod: Pod = Field(default_factory=Pod, description="How the pods run, beyond the claim's size.")
    network: Network = Field(default=Network(), description="Who may call the pods, and what they may call.")
    monitoring: Monitoring = Field(
        default_factory=Monitoring, description="What the Prometheus operator is told, where there is one."
    )

    @property
    def makes_pull_secret(self) -> bool:
        """Whether the store holds what the first of the pull secrets is made of."""
        return bool(self.image_pull_secrets and self.secret_store and "registry" in self.secret_store.provides)
