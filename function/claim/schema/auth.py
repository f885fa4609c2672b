"""The group of a claim's spec that says whose tokens callers over HTTP must show."""

from typing import Self

from pydantic import Field, model_validator

from function.claim.schema import fields
from function.claim.schema.groups import Group, rules

ONE_SOURCE = "exactly one of jwksUrl and jwksConfigMap is required"
NO_CLAIM = "rolesClaim is required where there are roles: it says which claim has their values"


class ConfigMapKeyRef(Group):
    """A key of a ConfigMap in the claim's namespace."""

    name: fields.ConfigMapName = Field(description="The name of the ConfigMap.", examples=["cluster-keys"])
    key: fields.ConfigMapKey = Field(description="The key in it.", examples=["jwks.json"])


class Roles(Group):
    """The values of rolesClaim that stand for each role."""

    read: tuple[fields.Line, ...] = Field(
        default=(), max_length=32, strict=False, description="Who may see jobs.", examples=[["viewers"]]
    )
    write: tuple[fields.Line, ...] = Field(
        default=(),
        max_length=32,
        strict=False,
        description="Who may submit and answer them.",
        examples=[["developers"]],
    )
    admin: tuple[fields.Line, ...] = Field(
        default=(), max_length=32, strict=False, description="Who may do everything.", examples=[["operators"]]
    )


class Issuer(Group):
    """One issuer whose tokens are taken, and what is read from them."""

    model_config = rules(
        ("has(self.jwksUrl) != has(self.jwksConfigMap)", ONE_SOURCE),
        ("!has(self.roles) || has(self.rolesClaim)", NO_CLAIM),
    )

    issuer: fields.HttpUrl = Field(
        description="The issuer, as it is in the claim iss of its tokens.", examples=["https://login.example"]
    )
    audience: fields.Line = Field(
        description="What must be among the claim aud of its tokens.", examples=["agent-executor"]
    )
    jwks_url: fields.HttpUrl | None = Field(
        default=None,
        description="Where its public keys are fetched from. Where network.egress is Restricted, a target must lead "
        "there.",
        examples=["https://login.example/keys"],
    )
    jwks_config_map: ConfigMapKeyRef | None = Field(
        default=None,
        description="Its public keys as a JSON Web Key Set in a ConfigMap, which the pods have as a file and wait for.",
    )
    tenant_claim: fields.Line | None = Field(
        default=None,
        description="The claim that names the caller's tenant. By default a service account's namespace.",
        examples=["tenant"],
    )
    roles_claim: fields.Line | None = Field(
        default=None,
        description="The claim whose values stand for roles: those that roles names, or else read, write and admin "
        "themselves. Without it a token gives the role write.",
        examples=["groups"],
    )
    roles: Roles | None = Field(default=None, description="The values of rolesClaim that stand for each role.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_config_map is None):
            raise ValueError(ONE_SOURCE)
        if self.roles and not self.roles_claim:
            raise ValueError(NO_CLAIM)
        return self


class Auth(Group):
    """Whose tokens callers over HTTP must show. An image that is older than this field asks for none."""

    issuers: tuple[Issuer, ...] = Field(
        default=(), max_length=8, strict=False, description="The issuers whose tokens are taken."
    )
