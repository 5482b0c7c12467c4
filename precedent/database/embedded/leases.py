"""Which processes use the embedded server: a file each, named by the process id, with the time the process began."""

import os
from pathlib import Path

import psutil


class Leases:
    """The leases of one server; take and give them back under its lock only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self) -> None:
        """Note this process."""
        self._folder.mkdir(exist_ok=True)
        self._own().write_text(str(psutil.Process().create_time()))

    def give_back(self) -> None:
        """Remove the note of this process."""
        self._own().unlink(missing_ok=True)

    def holders(self) -> list[int]:
        """The ids of the processes that use the server; the leases of killed ones are removed."""
        alive = []
        for file in self._folder.glob("*"):
            try:
                # The number of a killed process may belong to another one by now.
                process = psutil.Process(int(file.name))
                same = abs(process.create_time() - float(file.read_text())) < 1
                # A killed process keeps its number until its parent, which may be dead or busy, has taken note of it.
                same = same and process.status() != psutil.STATUS_ZOMBIE
            except (psutil.Error, ValueError, OSError):
                same = False
            if same:
                alive.append(int(file.name))
            else:
                file.unlink(missing_ok=True)
        return alive

    def _own(self) -> Path:
        return self._folder / str(os.getpid())
