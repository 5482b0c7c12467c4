"""Errors that reach a user: each is one sentence that says what to do."""


class PrecedentError(Exception):
    """Something the user can act on; the command line prints it as one line and exits with 1."""

    exit_code = 1


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
