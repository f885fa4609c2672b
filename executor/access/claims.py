"""What the claims of a token say of who shows it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from executor.issuers import Issuer
from executor.jobs.caller import ROLES, Caller, NotAllowed, Role
from executor.values import is_unicode

LONGEST_TENANT = 255
OF_OAUTH = frozenset({"scope", "scp"})  # words with spaces between them, by RFC 6749


def caller_of(claims: Mapping[str, Any], issuer: Issuer) -> Caller:
    """The caller whom an issuer's token names; raises NotAllowed where it names no tenant."""
    tenant = found(claims, issuer.tenant_claim)
    if not isinstance(tenant, str) or not 0 < len(tenant) <= LONGEST_TENANT:
        raise NotAllowed(f"the token names no tenant: its claim {issuer.tenant_claim} is missing, or no text")
    if "\0" in tenant or not is_unicode(tenant):  # Postgres holds no such text
        raise NotAllowed(f"the token's claim {issuer.tenant_claim} is no tenant's name")
    return Caller.of(tenant, roles_of(claims, issuer))


def roles_of(claims: Mapping[str, Any], issuer: Issuer) -> Iterator[Role]:
    """The roles of a token: those whose values its claim has; where no claim is said to have any, it may write."""
    if issuer.roles_claim is None:
        yield "write"
        return
    values = _values(claims, issuer.roles_claim)
    for role in ROLES:
        wanted = (role,) if issuer.roles is None else getattr(issuer.roles, role)
        if values.intersection(wanted):
            yield role


def found(claims: Any, path: str) -> Any:
    """The claim of this name, or within another (`realm.roles`); names may hold dots themselves."""
    if not isinstance(claims, Mapping):
        return None
    if path in claims:
        return claims[path]
    steps = path.split(".")
    for length in range(len(steps) - 1, 0, -1):
        inner = found(claims.get(".".join(steps[:length])), ".".join(steps[length:]))
        if inner is not None:
            return inner
    return None


def _values(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    value = found(claims, name)
    if isinstance(value, str):
        return frozenset(value.split() if name in OF_OAUTH else [value])
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
