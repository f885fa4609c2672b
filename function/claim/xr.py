"""The claim: what a tenant wrote, checked and with its defaults filled in."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import ValidationError

from function.claim import images, names, nats, sizes
from function.claim.schema import words
from function.claim.schema.groups import MOST_AT_ONCE
from function.claim.schema.spec import NO_MONITORING, Spec

Made = TypeVar("Made")


@dataclass(frozen=True)
class Agent:
    """One claim with all defaults resolved. `replicas` is set where nothing else decides their number."""

    name: str
    namespace: str
    spec: Spec
    monitoring_endpoint: str
    replicas: int | None = None

    @cached_property
    def base(self) -> str:
        """The name of the objects that are composed for the claim."""
        return names.label(self.name)

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What follows from the claim alone, made at the first call of that name; nobody may change it."""
        if name not in self._made:
            self._made[name] = make()
        made: Made = self._made[name]
        return made

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}

    @property
    def consumer_group(self) -> str:
        """The durable consumer."""
        return self.spec.nats_consumer_group or names.consumer(self.name, "workers")

    @property
    def concurrency(self) -> int:
        """The jobs that one pod takes at once."""
        return self.spec.scaling.concurrency or min(self.spec.scaling.lag_threshold, MOST_AT_ONCE)

    @property
    def sleeps(self) -> bool:
        """Whether the scaler may take the last pod."""
        return self.spec.scaling.min_replicas == 0

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


def parse(name: str, namespace: str, spec: Any) -> Agent:
    """Check a claim; InvalidClaim names the fields that are wrong."""
    if not namespace:
        raise InvalidClaim("metadata.namespace: is required: make an AgentExecutor in a namespace")
    checked = _spec(spec)
    _refuse_excess(checked)
    _refuse_unknown_registry(checked)
    return Agent(name, namespace, checked, _monitoring_endpoint(checked))


def _monitoring_endpoint(spec: Spec) -> str:
    endpoint = spec.scaling.monitoring_endpoint or nats.parse(spec.nats_url).monitoring_endpoint
    if not endpoint:
        raise InvalidClaim(NO_MONITORING.replace(" is required", ": is required", 1))
    return endpoint


def _refuse_excess(spec: Spec) -> None:
    amounts = sizes.resources(spec.size, spec.pod.resources)
    if resource := sizes.excess(amounts):
        limit = amounts["limits"][resource]
        raise InvalidClaim(f"spec.pod.resources.requests.{resource}: must not be more than the limit, {limit}")


def _refuse_unknown_registry(spec: Spec) -> None:
    if spec.makes_pull_secret and not images.registry(spec.image):
        raise InvalidClaim("spec.image: must begin with its registry, for which secretStore makes the pull secret")


def _spec(spec: Any) -> Spec:
    try:
        return Spec.model_validate(spec)
    except ValidationError as error:
        raise InvalidClaim(words.describe(error, "spec")) from None
