"""What was last seen of each provider: the breaker's rows, read in one place and set anew after an edit or a test.

The rows are written with every call by `settle_call` (see `ledger`). What was seen of one edit of a provider says
nothing about the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import case, func, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from precedent.database.models import ProviderHealth
from precedent.database.session import Database


class HealthState(StrEnum):
    """What the last calls say of a provider."""

    UNSEEN = "unseen"
    WELL = "well"
    FAILING = "failing"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Health:
    """What was last seen of a provider.

    Attributes:
        state: `open` where its breaker lets no call through now.
        until: When an open breaker lets a call through again; None where only an edit or a test opens the way.
        failures: Outages in a row.
        reason: The kind of the last outage.
        error: What it said.
        latency_ms: Smoothed over the calls of this edit.
        succeeded_at: The last answer.
        failed_at: The last outage.
        edit_id: The edit that was seen; None where none was.
    """

    state: HealthState = HealthState.UNSEEN
    until: datetime | None = None
    failures: int = 0
    reason: str | None = None
    error: str | None = None
    latency_ms: float | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    edit_id: str | None = None

    def of(self, edit_id: str | None) -> "Health":
        """The same for one edit: nothing, if another one was seen."""
        return self if self.edit_id == edit_id else UNSEEN


UNSEEN = Health()


def list(database: Database, tenant_id: int) -> Mapping[str, Health]:
    """What was last seen of each of a tenant's providers, by name."""
    row = ProviderHealth
    # Compared in SQL: a breaker that waits for an edit ends at `infinity`, which Python has no moment for. A breaker
    # whose pause is over is not open any more: it lets one call through, and would otherwise never close.
    is_open = func.coalesce(row.open_until > func.clock_timestamp(), False)
    until = case((func.isfinite(row.open_until), row.open_until), else_=None)
    columns = (row.provider, row.revision, is_open, until, row.failures, row.reason, row.error, row.latency_ms)
    with database.tenant(tenant_id) as session:
        rows = session.execute(select(*columns, row.succeeded_at, row.failed_at)).all()
    return {
        name: Health(
            state=_state(opened, failures, succeeded),
            until=_utc(ends) if opened else None,
            failures=failures,
            reason=reason,
            error=error,
            latency_ms=latency,
            succeeded_at=_utc(succeeded),
            failed_at=_utc(failed),
            edit_id=edit_id,
        )
        for name, edit_id, opened, ends, failures, reason, error, latency, succeeded, failed in rows
    }


def reset(session: Session, tenant_id: int, name: str, edit_id: str, latency_ms: float | None = None) -> None:
    """Begin anew with a provider that was edited or has just answered; what its limits have used up stays.

    Args:
        session: A transaction of the tenant.
        tenant_id: The tenant.
        name: The provider.
        edit_id: Its present edit.
        latency_ms: Of the answer; None where it was not called.
    """
    values = {
        "revision": edit_id,
        "failures": 0,
        "open_until": None,
        "reason": None,
        "error": None,
        "failed_at": None,
        "wait_until": None,
        "latency_ms": latency_ms,
        "succeeded_at": func.clock_timestamp() if latency_ms is not None else None,
    }
    if latency_ms is None:
        session.execute(update(ProviderHealth).where(ProviderHealth.provider == name).values(**values))
    else:
        session.execute(
            insert(ProviderHealth)
            .values(tenant_id=tenant_id, provider=name, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "provider"], set_=values)
        )


def take_over(session: Session, name: str, edit_id: str, *, seen_of: str | None = None) -> None:
    """Let what was seen hold for another edit.

    Args:
        session: A transaction of the tenant.
        name: The provider.
        edit_id: The edit that it is to hold for.
        seen_of: Only what was seen of this edit; whatever was seen where it is None.
    """
    statement = update(ProviderHealth).where(ProviderHealth.provider == name)
    if seen_of is not None:
        statement = statement.where(ProviderHealth.revision == seen_of)
    session.execute(statement.values(revision=edit_id))


def forget(session: Session, name: str, edit_id: str, *, back_to: str | None) -> None:
    """Take back what was seen of an edit that came to nothing.

    Args:
        session: A transaction of the tenant.
        name: The provider.
        edit_id: The edit that came to nothing.
        back_to: The edit that is stored; None where no provider of this name is.
    """
    seen = (ProviderHealth.provider == name, ProviderHealth.revision == edit_id)
    if back_to is None:
        session.execute(delete_from(ProviderHealth).where(*seen))
    else:
        values = {"revision": back_to, "failures": 0, "open_until": None, "reason": None, "error": None}
        session.execute(update(ProviderHealth).where(*seen).values(**values))


def delete(session: Session, name: str) -> None:
    """Remove what was seen of a provider, within a transaction of the tenant."""
    session.execute(delete_from(ProviderHealth).where(ProviderHealth.provider == name))


def _state(opened: bool, failures: int, succeeded: datetime | None) -> HealthState:
    if opened:
        return HealthState.OPEN
    if failures:
        return HealthState.FAILING
    return HealthState.WELL if succeeded else HealthState.UNSEEN


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
