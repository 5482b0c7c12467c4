"""Moments and spans of time."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """Keep only what was created in `[after, before)`; an item without a date is kept only without bounds."""

    after: datetime | None = None
    before: datetime | None = None

    def __bool__(self) -> bool:
        return self.after is not None or self.before is not None

    def include(self, moment: datetime | None) -> bool:
        """Whether something created at `moment` is within."""
        if not self:
            return True
        if moment is None:
            return False
        return (self.after is None or moment >= self.after) and (self.before is None or moment < self.before)
