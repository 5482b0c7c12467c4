"""Moments in JQL: whole minutes on the clock of the user who asks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
# Where only the server's offset of today is known, the clock may have been set by an hour since or before.
UNKNOWN_RULES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LowerBound:
    """A lower bound of a query: `text` is what JQL says, `earliest` the first moment (UTC) that it may mean."""

    text: str
    earliest: datetime


EVERYTHING = LowerBound("1970-01-01 00:00", datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class UserZone:
    """The clock by which a Jira reads the times of a query; `slack` is how far it may be off."""

    zone: tzinfo
    slack: timedelta = timedelta(0)

    def lower(self, moment: datetime) -> LowerBound:
        """The latest bound that leaves out nothing at or after a moment, however the server reads it.

        A local minute that the clock shows twice may mean either; the last one before that names one moment only.
        """
        local = (moment - self.slack).astimezone(self.zone).replace(second=0, microsecond=0, fold=0)
        while local.utcoffset() != local.replace(fold=1).utcoffset():
            local -= MINUTE
        return LowerBound(f"{local:%Y-%m-%d %H:%M}", local.astimezone(UTC))


def named_zone(name: object) -> UserZone | None:
    """The zone of a user's profile; None where it says none that is known here."""
    if not isinstance(name, str) or not name:
        return None
    try:
        return UserZone(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return None


def server_zone(information: dict[str, Any]) -> UserZone:
    """The server's own offset of today, by `serverTime` of its information; UTC where that says nothing.

    For those who may not ask for their own zone; the slack makes up for summer time.
    """
    try:
        offset = datetime.fromisoformat(str(information.get("serverTime"))).tzinfo
    except ValueError:
        offset = None
    return UserZone(offset or UTC, UNKNOWN_RULES)
