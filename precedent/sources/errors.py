"""How a live source can fail, in the two states that its owner sees."""

from datetime import datetime

from precedent.errors import SourceError


class SourceFault(SourceError):
    """A live source that cannot be read now; what was read is kept.

    `code` is stable, `whole` says whether the other streams of the source are affected too.
    """

    def __init__(self, code: str, reason: str, *, whole: bool = True) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.whole = whole


class Waiting(SourceFault):
    """It goes on by itself: a rate limit or a server in trouble; ask again at `until` (UTC)."""

    def __init__(self, code: str, reason: str, until: datetime, *, whole: bool = True) -> None:
        super().__init__(code, reason, whole=whole)
        self.until = until


class NeedsAttention(SourceFault):
    """Somebody must do something: a refused token, a missing permission, a source that is gone."""


class NotThere(NeedsAttention):
    """404 or 410: there is nothing at this address, or the credentials may not see it."""

    def __init__(self, reason: str, status: int, *, whole: bool = True) -> None:
        super().__init__("gone" if status == 410 else "not_found", reason, whole=whole)
        self.status = status


class Transient(Exception):
    """One attempt that may succeed when repeated; never leaves the caller of requests."""

    def __init__(self, code: str, reason: str, *, wait_s: float | None = None, permanent: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.wait_s = wait_s
        self.permanent = permanent  # repeated to no avail it needs attention, and waiting would not help
