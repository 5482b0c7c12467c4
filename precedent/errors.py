"""Errors that reach a user: each is one sentence that says what to do."""

from datetime import datetime

from precedent.plain_text import sentence

LONGEST_SENTENCE = 2_000


class PrecedentError(Exception):
    """Something the user can act on; the command line prints it as one line and exits with 1.

    Its text may hold words of a server, a file or a model: it is bounded, and holds nothing that a terminal obeys or
    that PostgreSQL does not store.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(sentence(message, LONGEST_SENTENCE))


class UsageError(PrecedentError):
    """The call itself is wrong: an unknown kind, a bad option, a name that does not fit; exits with 2."""

    exit_code = 2


class NotFoundError(PrecedentError):
    """A tenant, source or item that does not exist."""


class SourceError(PrecedentError):
    """A source that cannot be read at all: a wrong path, no repository, an unreadable folder."""


class ModelError(PrecedentError):
    """An embedding model that is missing, damaged or not the one it claims to be."""


class DatabaseError(PrecedentError):
    """A database that cannot be started, reached or migrated."""


class SourceFault(SourceError):
    """A server that cannot be read now; what was read from it is kept.

    Attributes:
        code: A stable word for programs, e.g. `rate_limited`.
        reason: The sentence.
        whole: True if the whole source is affected, False if its other streams can still be read.
    """

    def __init__(self, code: str, reason: str, *, whole: bool = True) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = str(self)
        self.whole = whole


class RetryLater(SourceFault):
    """A rate limit or a server in trouble: reading goes on by itself, at `until` (UTC) or later."""

    def __init__(self, code: str, reason: str, until: datetime, *, whole: bool = True) -> None:
        super().__init__(code, reason, whole=whole)
        self.until = until


class ActionRequired(SourceFault):
    """The owner must act: a refused token, a missing permission, a source that is gone."""


class NotThere(ActionRequired):
    """404 or 410: there is nothing at this address, or the credentials may not see it."""

    def __init__(self, reason: str, status: int, *, whole: bool = True) -> None:
        super().__init__("gone" if status == 410 else "not_found", reason, whole=whole)
        self.status = status
