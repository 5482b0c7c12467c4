"""What a tenant allows its providers: where texts may go, masked or not, and what happens at the end of the budget."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete as delete_from
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from precedent.database.models import DataSource, Policy
from precedent.database.session import Database
from precedent.errors import UsageError

Exhausted = Literal["stop", "free"]


class SourcePolicy(BaseModel):
    """What one source allows; the tenant's policy holds as well."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    allow_external: bool = Field(default=True, description="May texts leave for external providers?")
    mask: bool = Field(default=False, description="Mask secrets, addresses and e-mails in texts that leave?")


class TenantPolicy(SourcePolicy):
    """A tenant's policy, with those of its sources by name."""

    allow_private_addresses: bool = Field(default=True, description="May a provider's address be private?")
    monthly_budget_usd: Decimal | None = Field(default=None, ge=0, description="USD a month of UTC, or none.")
    on_exhausted: Exhausted = Field(
        default="stop", description="When the budget is used up: stop, or free (go on with what costs nothing)."
    )
    allow_unpriced: bool = Field(default=False, description="With a budget: allow calls without a known price?")
    sources: Mapping[str, SourcePolicy] = Field(default_factory=dict, description="Policies of sources, by name.")

    @property
    def is_set(self) -> bool:
        """True if the tenant itself has a policy stored, not only its sources."""
        return bool(self.model_fields_set - {"sources"})

    @property
    def masks(self) -> bool:
        """Whether texts that leave are masked.

        One source that asks for it makes it so for all: the vectors of a space are either all masked or all not.
        """
        return self.mask or any(source.mask for source in self.sources.values())

    @property
    def sources_kept(self) -> frozenset[str]:
        """Names of the sources whose texts may not leave."""
        return frozenset(name for name, source in self.sources.items() if not source.allow_external)

    def allows_external(self, source: str | None) -> bool:
        """Whether the texts of a source may leave; None for a text that belongs to no source, such as a query."""
        own = self.sources.get(source) if source else None
        return self.allow_external and (own is None or own.allow_external)


OWN_FIELDS = tuple(name for name in TenantPolicy.model_fields if name != "sources")


def get(database: Database, tenant_id: int) -> TenantPolicy:
    """A tenant's policy; without one everything is allowed and nothing is limited."""
    with database.tenant(tenant_id) as session:
        return get_in(session)


def get_in(session: Session) -> TenantPolicy:
    """The same within a transaction of the tenant."""
    rows = session.execute(
        select(Policy, DataSource.name)
        .outerjoin(DataSource, DataSource.id == Policy.source_id)
        .order_by(DataSource.name)
    ).all()
    own = next(({name: getattr(row, name) for name in OWN_FIELDS} for row, _ in rows if row.source_id is None), {})
    sources = {
        name: SourcePolicy(allow_external=row.allow_external, mask=row.mask)
        for row, name in rows
        if row.source_id is not None
    }
    return TenantPolicy(**own, sources=sources)


def save(database: Database, tenant_id: int, source_id: int | None, changes: Mapping[str, Any]) -> None:
    """Change a tenant's policy, or that of one of its sources; fields that are not named stay.

    Raises:
        UsageError: an unknown word, or a field that a source's policy does not have.
    """
    with database.tenant(tenant_id) as session:
        save_in(session, tenant_id, source_id, changes)


def save_in(session: Session, tenant_id: int, source_id: int | None, changes: Mapping[str, Any]) -> None:
    """The same within a transaction of the tenant; raises what `save` does."""
    if source_id is not None and changes.keys() - SourcePolicy.model_fields.keys():
        raise UsageError("A source's policy is about --external and --mask: the rest belongs to the tenant.")
    if changes.get("on_exhausted", "stop") not in get_args(Exhausted):
        raise UsageError(f"on-exhausted is one of {', '.join(get_args(Exhausted))}.")
    row = session.scalar(select(Policy).where(Policy.source_id.is_not_distinct_from(source_id)))
    if row is None:
        row = Policy(tenant_id=tenant_id, source_id=source_id)
        session.add(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.updated_at = func.now()
    session.flush()


def delete(database: Database, tenant_id: int, source_id: int | None) -> None:
    """Remove a policy."""
    with database.tenant(tenant_id) as session:
        delete_in(session, source_id)


def delete_in(session: Session, source_id: int | None) -> None:
    """The same within a transaction of the tenant."""
    session.execute(delete_from(Policy).where(Policy.source_id.is_not_distinct_from(source_id)))
