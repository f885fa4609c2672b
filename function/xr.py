"""The claim: what a tenant may write, checked and with its defaults filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

import contract
from function import names, nats

Size = Literal["micro", "small", "medium", "large"]

IMAGE = (
    r"^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]+)?/)?"
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?$"
)
SECRET_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"  # noqa: S105 - a pattern
NATS_NAME = r"^[A-Za-z0-9_-]+$"
SUBJECT = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


def _matching(pattern: str, meaning: str) -> AfterValidator:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")

    def check(text: str) -> str:
        if not text:
            raise ValueError("must not be empty")
        if not compiled.match(text):
            raise ValueError(f"must be {meaning}")
        return text

    return AfterValidator(check)


Image = Annotated[str, Field(max_length=512), _matching(IMAGE, "an image such as registry.example/team/app:v1")]
SecretName = Annotated[str, Field(max_length=253), _matching(SECRET_NAME, "the name of a Secret")]
NatsName = Annotated[str, Field(max_length=200), _matching(NATS_NAME, "letters, digits, - and _")]
Subject = Annotated[str, Field(max_length=100), _matching(SUBJECT, "words of letters, digits, - and _ between dots")]
NatsUrl = Annotated[str, Field(max_length=1024), AfterValidator(lambda url: nats.parse(url).url)]
Endpoint = Annotated[str, Field(max_length=261), AfterValidator(nats.endpoint)]
Account = Annotated[str, Field(max_length=200), _matching(r"^\S+$", "the name of a NATS account")]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Scaling(_Group):
    """How the number of replicas follows the lag of the consumer."""

    monitoring_endpoint: Endpoint | None = None
    account: Account = "$G"
    lag_threshold: int = Field(default=contract.DEFAULT_CONCURRENCY, ge=1, le=10000)
    min_replicas: int = Field(default=1, ge=0, le=1000)
    max_replicas: int = Field(default=10, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas must not be greater than maxReplicas")
        return self


class Streams(_Group):
    """How the streams are named."""

    subject_prefix: Subject = contract.DEFAULT_SUBJECT_PREFIX


class Drain(_Group):
    """What a pod does when it is told to stop."""

    seconds: int = Field(default=contract.DEFAULT_DRAIN_SECONDS, ge=1, le=3600)


class Spec(_Group):
    """The claim's spec: nine fields that stay, and optional groups."""

    image: Image
    size: Size = "medium"
    nats_url: NatsUrl = contract.DEFAULT_NATS_URL
    nats_stream_name: NatsName = contract.DEFAULT_STREAM
    nats_consumer_group: NatsName | None = None
    postgres_connection_secret: SecretName | None = None
    dragonfly_connection_secret: SecretName | None = None
    llm_keys_secret: SecretName | None = None
    image_pull_secrets: tuple[SecretName, ...] = Field(default=(), max_length=16, strict=False)
    scaling: Scaling = Scaling()
    streams: Streams = Streams()
    drain: Drain = Drain()


@dataclass(frozen=True)
class Agent:
    """One claim with all defaults resolved. `replicas` is set where nothing else decides their number."""

    name: str
    namespace: str
    spec: Spec
    monitoring_endpoint: str
    replicas: int | None = None

    @property
    def base(self) -> str:
        """The name of the objects that are composed for the claim."""
        return names.label(self.name)

    @property
    def consumer_group(self) -> str:
        """The durable consumer."""
        return self.spec.nats_consumer_group or names.consumer(self.name, "workers")

    @property
    def postgres_secret(self) -> str:
        """The Secret with the connection to Postgres."""
        return self.spec.postgres_connection_secret or names.subdomain(self.name, "postgres")

    @property
    def dragonfly_secret(self) -> str:
        """The Secret with the connection to Dragonfly."""
        return self.spec.dragonfly_connection_secret or names.subdomain(self.name, "dragonfly")

    @property
    def llm_keys_secret(self) -> str:
        """The Secret with the keys of the model providers."""
        return self.spec.llm_keys_secret or names.subdomain(self.name, "llm-keys")


class InvalidClaim(ValueError):
    """The tenant must change the claim; the message names each field and says what is wrong with it."""


# What Crossplane itself keeps in a composite's spec.
CROSSPLANE_FIELDS = frozenset({"crossplane"})


def parse(name: str, namespace: str, spec: Any) -> Agent:
    """Check a claim; InvalidClaim names the fields that are wrong."""
    if not namespace:
        raise InvalidClaim("metadata.namespace: is required, the composite is a namespaced one")
    checked = _spec(spec)
    return Agent(name, namespace, checked, _monitoring_endpoint(checked))


def _monitoring_endpoint(spec: Spec) -> str:
    endpoint = spec.scaling.monitoring_endpoint or nats.parse(spec.nats_url).monitoring_endpoint
    if not endpoint:
        raise InvalidClaim(
            "spec.scaling.monitoringEndpoint: is required, because the first host of spec.natsUrl is no "
            "<service>.<namespace>.svc to derive it from"
        )
    return endpoint


def _spec(spec: Any) -> Spec:
    if isinstance(spec, Mapping):
        spec = {key: value for key, value in spec.items() if key not in CROSSPLANE_FIELDS}
    try:
        return Spec.model_validate(spec)
    except ValidationError as error:
        raise InvalidClaim("; ".join(_in_our_words(problem) for problem in error.errors())) from None


WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "literal_error": "must be {expected}",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} items",
    "value_error": "{error}",
}


def _in_our_words(problem: ErrorDetails) -> str:
    words = WORDS.get(problem["type"], problem["msg"]).format(**problem.get("ctx", {}))
    return f"{_path(problem['loc'])}: {words}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "spec" + "".join(steps)
