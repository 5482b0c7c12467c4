"""Which providers a tenant prefers for a kind of work: the rows of `ai_preferences`."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete as delete_from
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from precedent.database.models import Preference as PreferenceRow


class Strategy(StrEnum):
    """How the provider that is asked first is chosen."""

    ACTIVE = "active"
    PREFER = "prefer"
    AUTO = "auto"


class Preference(BaseModel):
    """A preference for one capability and kind of work."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    strategy: Strategy = Field(description="active (the chain), prefer, or auto (price, then latency).")
    prefer: tuple[str, ...] = Field(
        default=(), description="A provider's or driver's name; several, the first one first."
    )


def list(session: Session) -> Mapping[tuple[str, str], Preference]:
    """A tenant's preferences by capability and kind of work, within a transaction of the tenant."""
    rows = session.scalars(select(PreferenceRow).order_by(PreferenceRow.capability, PreferenceRow.route))
    return {
        (row.capability, row.route): Preference(strategy=Strategy(row.strategy), prefer=tuple(row.prefer))
        for row in rows
    }


def save(session: Session, tenant_id: int, capability: str, route: str, preference: Preference) -> None:
    """Set a preference.

    Args:
        session: A transaction of the tenant.
        tenant_id: The tenant.
        capability: What the providers are asked for.
        route: The kind of work.
        preference: Who is asked first.
    """
    values = {"strategy": preference.strategy.value, "prefer": [*preference.prefer], "updated_at": func.now()}
    session.execute(
        insert(PreferenceRow)
        .values(tenant_id=tenant_id, capability=capability, route=route, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "capability", "route"], set_=values)
    )


def delete(session: Session, capability: str, route: str) -> None:
    """Go back to the default, within a transaction of the tenant."""
    session.execute(
        delete_from(PreferenceRow).where(PreferenceRow.capability == capability, PreferenceRow.route == route)
    )
