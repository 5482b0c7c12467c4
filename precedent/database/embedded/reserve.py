"""Room beside the database that is given up where it cannot start on a full disk, so that what it holds can be read."""

import os
import shutil
from pathlib import Path

BYTES = 48 * 2**20  # three segments of PostgreSQL's log: it recovers within one or two
# It is made where it takes little of what is free: a disk that is nearly full needs its room itself.
FREE_BYTES = 4 * BYTES


class Reserve:
    """A file of a home that holds nothing."""

    def __init__(self, home: Path) -> None:
        self._file = home / "postgres.reserve"

    def make(self) -> None:
        """Take the room, where there is enough of it."""
        if self._file.exists() or shutil.disk_usage(self._file.parent).free < FREE_BYTES:
            return
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BYTES)

    def give_up(self) -> bool:
        """Give the room to whoever needs it; False where the disk is not full, or there is nothing to give."""
        if not self.is_needed() or not self._file.exists():
            return False
        self._file.unlink()
        return True

    def is_needed(self) -> bool:
        """True if the disk is too full for a server to start."""
        return shutil.disk_usage(self._file.parent).free < BYTES
