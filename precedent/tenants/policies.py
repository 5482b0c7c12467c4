"""What a tenant allows its providers: where texts may go, masked or not, and for how much money."""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from precedent.database.models import DataSource, Policy
from precedent.database.session import Database
from precedent.errors import UsageError

EXHAUSTED = ("stop", "free")


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """A tenant's policy with those of its sources folded in.

    Attributes:
        allow_external: Whether texts may leave for external providers.
        sources_kept: Names of sources whose texts may not.
        mask: Whether texts that leave are masked. One source that asks for it makes it so for all: vectors of one
            space are either masked or not.
        allow_private_addresses: Whether a provider's address may be a private one.
        monthly_budget_usd: None for no limit.
        on_exhausted: `stop` or `free` (go on with providers that cost nothing).
        allow_unpriced: Whether calls without a known price may be made under a budget.
    """

    allow_external: bool = True
    sources_kept: frozenset[str] = field(default_factory=frozenset)
    mask: bool = False
    allow_private_addresses: bool = True
    monthly_budget_usd: Decimal | None = None
    on_exhausted: str = "stop"
    allow_unpriced: bool = False

    def allows_external(self, source: str | None) -> bool:
        """Whether the texts of a source (None: of nobody, a query) may leave."""
        return self.allow_external and source not in self.sources_kept


def load(database: Database, tenant_id: int) -> TenantPolicy:
    """A tenant's policy; everything is allowed and nothing limited where it has none."""
    with database.tenant(tenant_id) as session:
        rows = session.execute(
            select(Policy, DataSource.name).outerjoin(DataSource, DataSource.id == Policy.source_id)
        ).all()
        own = next((row for row, _ in rows if row.source_id is None), None)
        of_sources = [(row, name) for row, name in rows if row.source_id is not None]
        return TenantPolicy(
            allow_external=own.allow_external if own else True,
            sources_kept=frozenset(name for row, name in of_sources if not row.allow_external),
            mask=bool(own and own.mask) or any(row.mask for row, _ in of_sources),
            allow_private_addresses=own.allow_private_addresses if own else True,
            monthly_budget_usd=own.monthly_budget_usd if own else None,
            on_exhausted=own.on_exhausted if own else "stop",
            allow_unpriced=own.allow_unpriced if own else False,
        )


def save(database: Database, tenant_id: int, source_id: int | None, changes: Mapping[str, Any]) -> None:
    """Change a tenant's policy, or that of one of its sources; fields that are not named stay.

    Raises:
        UsageError: a budget that is no amount, an unknown word, a budget for a source.
    """
    with database.tenant(tenant_id) as session:
        write(session, tenant_id, source_id, changes)


def write(session: Session, tenant_id: int, source_id: int | None, changes: Mapping[str, Any]) -> None:
    """The same within a transaction of the tenant."""
    if source_id is not None and set(changes) - {"allow_external", "mask"}:
        raise UsageError("A source's policy is about --external and --mask: the rest belongs to the tenant.")
    if changes.get("on_exhausted", "stop") not in EXHAUSTED:
        raise UsageError(f"on-exhausted is one of {', '.join(EXHAUSTED)}.")
    row = session.scalar(select(Policy).where(Policy.source_id.is_not_distinct_from(source_id)))
    if row is None:
        row = Policy(tenant_id=tenant_id, source_id=source_id)
        session.add(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.updated_at = func.now()
    session.flush()


def clear(database: Database, tenant_id: int, source_id: int | None) -> None:
    """Remove a policy."""
    with database.tenant(tenant_id) as session:
        erase(session, source_id)


def erase(session: Session, source_id: int | None) -> None:
    """The same within a transaction of the tenant."""
    session.execute(delete(Policy).where(Policy.source_id.is_not_distinct_from(source_id)))


def budget_of(text: str) -> Decimal | None:
    """A budget in USD a month; `none` lifts it.

    Raises:
        UsageError: no amount.
    """
    if text == "none":
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"A budget is an amount of USD a month or `none`, not {text!r}.")
    return amount


def check_address(base_url: str, *, allow_private: bool, what: str = "provider") -> None:
    """Refuse an address that is none, or a private one where the policy forbids it.

    Every address that the name resolves to counts: one private among them is enough to be refused.

    Raises:
        UsageError: with the reason.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = "That" if "@" in base_url else repr(base_url)  # before an @ stands perhaps a password
        raise UsageError(f"{shown} is no address of a {what}: write https://host/path.")
    if parts.query or parts.fragment:
        raise UsageError("A base URL ends with its path: leave out what follows `?` or `#`.")
    if parts.username or parts.password:
        raise UsageError("A base URL must not hold a user or password: give the key with --key-file or at the prompt.")
    if allow_private:
        return
    if is_private(parts.hostname):
        raise UsageError(
            f"The address {parts.hostname} is a private one, and the tenant's policy forbids those: use a public one, "
            "or allow it with `precedent policy set --private-addresses`."
        )


def is_private(host: str) -> bool:
    """Whether a host is, or resolves to, an address that is not public; a name that does not resolve is not."""
    return any(not address.is_global for address in _addresses(host))


def _addresses(host: str) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return []
    return [ipaddress.ip_address(str(item[4][0]).split("%")[0]) for item in found]
