"""What a sync is to do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from precedent.clock import TimeBounds
from precedent.sources.sync.state import SourceState

# An unconditional look at everything is due so long after the last one.
WHOLE_LOOK_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a sync is to do beyond reading what is new.

    Attributes:
        bounds: Keep only items created within; cursors stay where they are.
        full_refresh: Read every stream from its start and write every row anew.
        sweep: Compare what is held with the server's full listings.
        confirm_loss: Sweep, and take it as true that the server no longer has most items of a stream.
    """

    bounds: TimeBounds = field(default_factory=TimeBounds)
    full_refresh: bool = False
    sweep: bool = False
    confirm_loss: bool = False

    @property
    def sweeps(self) -> bool:
        """True if full listings are compared, which say nothing of a time."""
        return (self.sweep or self.confirm_loss) and not self.bounds

    def conditional(self, state: SourceState, now: datetime) -> bool:
        """True if the server may be asked by validators, False where everything is to be looked at again.

        A validator that never changes, a mistake of the server or of a cache, hides whatever comes: once a day it is
        not believed.
        """
        recent = state.swept_at is not None and now - state.swept_at < WHOLE_LOOK_EVERY
        return recent and not self.full_refresh and not self.sweeps
