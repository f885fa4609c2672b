"""The group of a claim's spec that says who may call its pods, and what they may call."""

from typing import Literal, Self

from pydantic import Field, model_validator

from function.claim.schema import fields
from function.claim.schema.groups import Group, rules

NOWHERE = "targets are required where egress is Restricted: where the databases and models are, only Secrets say"
ONE_PLACE = "exactly one of namespace and cidr is required"


class EgressTarget(Group):
    """A place that pods may connect to."""

    model_config = rules(("has(self.namespace) != has(self.cidr)", ONE_PLACE))

    namespace: fields.Namespace | None = Field(
        default=None, description="All pods of a namespace of this cluster.", examples=["databases"]
    )
    cidr: fields.Cidr | None = Field(
        default=None,
        description="All addresses of a network, but for the cloud's metadata address.",
        examples=["10.0.0.0/8"],
    )
    ports: tuple[fields.Port, ...] = Field(
        default=(), max_length=16, strict=False, description="The TCP ports. By default all.", examples=[[5432]]
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.namespace is None) == (self.cidr is None):
            raise ValueError(ONE_PLACE)
        return self


class Network(Group):
    """Who may call the pods, and what they may call. The rules of a NetworkPolicy."""

    model_config = rules(("self.egress != 'Restricted' || (has(self.targets) && size(self.targets) > 0)", NOWHERE))

    ingress_namespaces: tuple[fields.Namespace, ...] = Field(
        default=("monitoring",),
        max_length=16,
        strict=False,
        description="The namespaces, besides the claim's own, whose pods may call the service and scrape its metrics.",
    )
    egress: Literal["Open", "Restricted"] = Field(
        default="Open",
        description="Open: everything but the cloud's metadata address. Restricted: DNS, the NATS Services that "
        "natsUrl names, and the targets.",
    )
    targets: tuple[EgressTarget, ...] = Field(
        default=(), max_length=32, strict=False, description="What pods may connect to where egress is Restricted."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.egress == "Restricted" and not self.targets:
            raise ValueError(NOWHERE)
        return self
