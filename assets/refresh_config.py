"""Run configuration shared by the assets that read and derive rows."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from precedent.clock import TimeBounds
from precedent.sources.sync.options import SyncOptions


class RefreshConfig(dg.Config):
    """What a run should look at; by default whatever has changed."""

    created_after: str | None = Field(default=None, description="Only items created at or after this ISO 8601 moment.")
    created_before: str | None = Field(default=None, description="Only items created before this ISO 8601 moment.")
    full_refresh: bool = Field(
        default=False, description="Read and derive everything anew; vectors of unchanged texts are kept."
    )
    sweep: bool = Field(
        default=False, description="Compare with all that a live source lists, which is done once a day by schedule."
    )
    confirm_loss: bool = Field(
        default=False, description="Sweep, and remove what a live source no longer has even where that is most of it."
    )

    def bounds(self) -> TimeBounds:
        """The time bounds; a date without an offset is UTC.

        Raises:
            dg.Failure: a bound is not an ISO 8601 date.
        """
        return TimeBounds(after=_moment(self.created_after), before=_moment(self.created_before))

    def sync_options(self) -> SyncOptions:
        """What a sync is to do beyond reading what is new.

        Raises:
            dg.Failure: a bound is not an ISO 8601 date.
        """
        return SyncOptions(self.bounds(), self.full_refresh, self.sweep, self.confirm_loss)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise dg.Failure(
            description=f"{text!r} is no ISO 8601 date: write 2026-01-31 or 2026-01-31T12:00:00+00:00.",
            allow_retries=False,
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
