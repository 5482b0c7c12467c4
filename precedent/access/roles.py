"""What a member or token may do; each role may do what those before it may."""

from collections.abc import Sequence
from enum import StrEnum

from precedent.errors import UsageError


class Role(StrEnum):
    """The roles, in the order of what they may do.

    `viewer` reads and searches. `operator` also does what costs money or starts work: refreshes, backfills, analyses,
    verdicts. `admin` also changes what a tenant has: sources, providers, policies, members, tokens. `platform` belongs
    to no tenant and may do everything in all of them.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    PLATFORM = "platform"

    def may_act_as(self, needed: "Role") -> bool:
        """True if this role may do what needs another one."""
        return ORDER.index(self) >= ORDER.index(needed)


ORDER: Sequence[Role] = tuple(Role)
OF_TENANTS = ORDER[:-1]


def parse(word: str, tenant_id: int | None) -> Role:
    """The role of this name that a member or token can have.

    Args:
        word: The role's name.
        tenant_id: Where it is to have the role; None for the platform as a whole.

    Raises:
        UsageError: there is no such role there.
    """
    known = OF_TENANTS if tenant_id is not None else (Role.PLATFORM,)
    if word not in known:
        where = "in a tenant" if tenant_id is not None else "on the platform as a whole"
        raise UsageError(f"{word!r} is no role {where}: write {' or '.join(known)}.")
    return Role(word)
