"""Who asks, as far as it decides what they may do and see. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, get_args

from executor.errors import ExecutorError

Role = Literal["read", "write", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may


class NotAuthenticated(ExecutorError):
    """Nothing that was shown says who asks; never with the token in its text."""


class NotAllowed(ExecutorError):
    """Who asks is known, and may not do this."""


@dataclass(frozen=True)
class Caller:
    """Who asks: their tenant, None where tenants are not told apart, and what they may do."""

    tenant: str | None
    roles: frozenset[Role]

    @classmethod
    def of(cls, tenant: str | None, roles: Iterable[Role]) -> Self:
        """The caller with these roles and those that they imply."""
        highest = max((ROLES.index(role) + 1 for role in roles), default=0)
        return cls(tenant, frozenset(ROLES[:highest]))

    def may(self, role: Role) -> bool:
        """Whether the role is theirs."""
        return role in self.roles


ANYBODY = Caller.of(None, ["admin"])  # where no tokens are asked for
