"""The near end of a git source: a bare clone that is made again whenever it does not hold together."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from precedent.errors import RetryLater
from precedent.folders import make_private
from precedent.sources.kinds.git.transport import FETCHED, Damaged, Remote, storage_fault

if TYPE_CHECKING:
    from pygit2 import Repository

BUSY = timedelta(minutes=1)
# Every fetch adds a pack and nothing joins them; libgit2 opens them all.
MOST_PACKS = 200
DEEPER = 4


class Clone:
    """A folder with what was fetched.

    A clone is made in a folder beside and renamed when it is whole, so that the folder never holds half of one.
    Later fetches add packs; libgit2 names them and moves the reference only when they are whole.
    """

    def __init__(self, folder: Path, remote: Remote, depth: int | None) -> None:
        self.folder = folder
        self.remote = remote
        self.depth = depth
        self.fetches = 0

    def synchronised(self, head: str, keep: Mapping[str, str], needed: Sequence[str]) -> "Repository":
        """The repository, up to date with the server.

        Args:
            head: The commit that the server names now; nothing is fetched where it is known.
            keep: Commits by the names of references that hold them, so that no forced push takes them away.
            needed: Commits to have if the server still has them; a shallow clone is deepened until it does.

        Raises:
            RetryLater: another process is at work here, or the server is in trouble.
            ActionRequired: the folder cannot be written, or the server refuses.
            Damaged: what was just fetched cannot be used.
        """
        with self._alone():
            repository = self._opened()
            if repository is not None:
                try:
                    repository = self._updated(repository, head, keep, needed)
                except Damaged:
                    repository = None
            if repository is None:
                repository = self._cloned()
            repository = self._deepened(repository, needed)
            self._hold(repository, keep)
            return repository

    def discard(self) -> None:
        """Take the clone away; the next look makes a new one."""
        with self._alone():
            self._remove()

    def _updated(
        self, repository: "Repository", head: str, keep: Mapping[str, str], needed: Sequence[str]
    ) -> "Repository | None":
        """The repository with what is new, or None where it is better made anew."""
        self._hold(repository, keep)
        if fetched(repository) != head:
            # libgit2 never takes away what a fetch that was killed had begun to write.
            for begun in (self.folder / "objects" / "pack").glob("pack_git2_*"):
                begun.unlink(missing_ok=True)
            self.fetches += 1
            self.remote.fetch(repository)
            repository.free()
            repository = self._reopened()
        if sum(1 for _ in self._packs()) > MOST_PACKS and all(
            reaches(repository, fetched(repository), sha) for sha in needed
        ):
            return None
        return repository

    def _deepened(self, repository: "Repository", needed: Sequence[str]) -> "Repository":
        """Fetch ever older commits until the needed ones are there, or all are."""
        depth = self.depth or 1
        while repository.is_shallow and any(sha not in repository for sha in needed):
            depth *= DEEPER
            self.fetches += 1
            self.remote.fetch(repository, depth)
            # Where the history is cut is read when a repository is opened.
            repository.free()
            repository = self._reopened()
        return repository

    def _hold(self, repository: "Repository", keep: Mapping[str, str]) -> None:
        import pygit2

        for name, sha in keep.items():
            if sha in repository:
                repository.references.create(name, pygit2.Oid(hex=sha), force=True)

    def _packs(self) -> Iterator[Path]:
        return (self.folder / "objects" / "pack").glob("*.pack")

    def _opened(self) -> "Repository | None":
        """The repository, or None where there is none or the newest commit cannot be read."""
        import pygit2

        if not all(_whole(pack) for pack in self._packs()):
            return None
        flags = pygit2.enums.RepositoryOpenFlag.NO_SEARCH | pygit2.enums.RepositoryOpenFlag.BARE
        try:
            repository = pygit2.Repository(str(self.folder), flags)
            repository.references[FETCHED].peel(pygit2.Commit)
        except (pygit2.GitError, KeyError, ValueError, OSError):
            return None
        return repository

    def _cloned(self) -> "Repository":
        """Clone beside, put it in place of what is there, and open it."""
        import pygit2

        beside = self.folder.parent / f"{self._prefix}new-{secrets.token_hex(4)}"
        try:
            repository = pygit2.init_repository(str(beside), bare=True)
            self.fetches += 1
            self.remote.fetch(repository, self.depth or 0, fresh=True)
            repository.free()
            self._remove()
            beside.rename(self.folder)
        except (OSError, pygit2.GitError) as error:
            raise storage_fault(self.folder, error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return self._reopened()

    def _reopened(self) -> "Repository":
        repository = self._opened()
        if repository is None:
            raise Damaged("What was just fetched cannot be read back.")
        return repository

    def _remove(self) -> None:
        if self.folder.is_dir() and not self.folder.is_symlink():
            aside = self.folder.parent / f"{self._prefix}old-{secrets.token_hex(4)}"
            self.folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            self.folder.unlink(missing_ok=True)

    @property
    def _prefix(self) -> str:
        """How the names of the folders beside begin."""
        return f".{self.folder.name}."

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes out; what a killed one left beside is cleared away."""
        try:
            make_private(self.folder.parent)
            lock = (self.folder.parent / f"{self._prefix}lock").open("w")
        except OSError as error:
            raise storage_fault(self.folder, error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RetryLater(
                    "busy", f"Another process is fetching into {self.folder}.", datetime.now(UTC) + BUSY
                ) from None
            for left in self.folder.parent.iterdir():
                if left.name.startswith((f"{self._prefix}new-", f"{self._prefix}old-")):
                    shutil.rmtree(left, ignore_errors=True)
            yield


def _whole(pack: Path) -> bool:
    """True if a pack ends with the digest that its index names.

    libgit2 maps packs into memory: reading one that was cut off would end the process instead of raising.
    """
    try:
        with pack.open("rb") as data, pack.with_suffix(".idx").open("rb") as index:
            data.seek(-20, os.SEEK_END)
            index.seek(-40, os.SEEK_END)
            return data.read(20) == index.read(20)
    except OSError:
        return False


def fetched(repository: "Repository") -> str:
    """The newest commit that was fetched; raises Damaged where it cannot be read."""
    import pygit2

    try:
        return str(repository.references[FETCHED].peel(pygit2.Commit).id)
    except (pygit2.GitError, KeyError) as error:
        raise Damaged(str(error)) from error


def reaches(repository: "Repository", head: str, sha: str) -> bool:
    """True if a commit is another or one of its ancestors; False where the repository lacks either.

    Raises:
        Damaged: the history between them cannot be read.
    """
    import pygit2

    try:
        if head not in repository or sha not in repository:
            return False
        return head == sha or repository.descendant_of(head, sha)
    except (pygit2.GitError, KeyError) as error:
        raise Damaged(str(error)) from error
