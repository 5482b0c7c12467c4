"""The database in sensors: one for the process that evaluates them, opened at the first tick."""

import threading

from precedent.database.session import Database

_lock = threading.Lock()
_opened: list[Database] = []


def opened() -> Database:
    """The open database; a tick that comes while it is down fails with a sentence and the next one tries again."""
    with _lock:
        if not _opened:
            _opened.append(Database.open())
        return _opened[0]
