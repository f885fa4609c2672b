"""The issuers whose tokens callers over HTTP may show, as `EXECUTOR_AUTH` names them."""

import json
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NAMESPACE = "kubernetes.io.namespace"  # in the claim `kubernetes.io` of a service account's token
SCHEMES = frozenset({"http", "https"})


def _located(jwks: str) -> str:
    if jwks.startswith("/"):
        return jwks
    try:
        parts = urlsplit(jwks)
        is_url = parts.scheme in SCHEMES and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError("must be a URL of http or https without credentials, or the path of a file from the root")
    return jwks


def _loaded(given: Any) -> Any:
    """What the variable says, as the lists and objects that it is made of."""
    if not isinstance(given, str):
        return given
    try:
        issuers = json.loads(given)
    except (ValueError, RecursionError):
        issuers = None
    if not isinstance(issuers, list):  # anything else that is empty would let everybody in
        raise ValueError("must be a JSON list of issuers")  # noqa: TRY004 - pydantic's way to say it
    return tuple(issuers)


Text = Annotated[str, Field(min_length=1)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class RoleValues(_Said):
    """The values of `roles_claim` that stand for each role."""

    read: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    write: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    admin: Annotated[tuple[Text, ...], Field(strict=False)] = ()


class Issuer(_Said):
    """One issuer: whom its tokens are for, where its keys are, and what is read from its tokens."""

    issuer: Text
    audience: Text
    jwks: Annotated[Text, AfterValidator(_located)]
    tenant_claim: Text = NAMESPACE
    roles_claim: Text | None = None
    roles: RoleValues | None = None

    @property
    def is_local(self) -> bool:
        """Whether its keys lie in a file."""
        return self.jwks.startswith("/")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.roles and not self.roles_claim:
            raise ValueError("roles_claim is required where there are roles: it says which claim has their values")
        return self


Issuers = Annotated[tuple[Issuer, ...], BeforeValidator(_loaded)]
