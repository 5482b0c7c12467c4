"""Source `git`: the commits of a local clone."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precedent.errors import SourceError
from precedent.sources.kinds.git.shapes import COMMIT
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.guard import guarded

if TYPE_CHECKING:
    from pygit2 import Commit, Repository, Signature

# Raise it whenever the same commit could give another record: every clone is then read again.
READER_VERSION = "2"


class GitSource:
    """Every commit reachable from a branch, newest first; read with libgit2."""

    def __init__(self, path: Path, branch: str | None = None) -> None:
        """Open the repository.

        Raises:
            SourceError: there is no repository at the path, or it has no such branch.
        """
        self.path = path
        self.branch = branch
        self._head(self._repository())

    def fingerprint(self) -> str:
        """The id of the newest commit."""
        head = self._head(self._repository())
        return f"git/{READER_VERSION}/{head or 'empty'}"

    def quick_fingerprint(self) -> str:
        """The fingerprint: it reads no content either."""
        return self.fingerprint()

    def estimate(self) -> int | None:
        """None: that takes a walk of the whole history."""
        return None

    def read(self) -> Iterator[RawRecord | RejectedRecord]:
        """One record a commit; files and size are those that differ from the first parent."""
        import pygit2

        repository = self._repository()
        head = self._head(repository)
        if head is None:
            return
        for number, commit in enumerate(repository.walk(head, pygit2.enums.SortMode.TIME), start=1):
            try:
                yield commit_record(repository, commit, self.path.name, number)
            except (pygit2.GitError, KeyError) as error:
                yield unreadable_commit(commit, error, self.path.name, number)

    def _repository(self) -> "Repository":
        import pygit2

        try:
            return pygit2.Repository(str(self.path))
        except (pygit2.GitError, KeyError) as error:
            raise SourceError(
                f"{self.path} is no git repository: give the folder of a clone, or use --kind archive."
            ) from error

    def _head(self, repository: "Repository") -> str | None:
        import pygit2

        try:
            if self.branch is None:
                return None if repository.head_is_unborn else str(repository.head.peel(pygit2.Commit).id)
            return str(repository.revparse_single(self.branch).peel(pygit2.Commit).id)
        except (pygit2.GitError, KeyError) as error:
            known = ", ".join(repository.branches.local) or "none"
            raise SourceError(
                f"{self.path} has no branch {self.branch or 'HEAD'!r} (branches: {known}): name one with --branch."
            ) from error


def commit_record(repository: "Repository", commit: "Commit", file: str, number: int) -> RawRecord | RejectedRecord:
    """The record of a commit; files and size are those that differ from the first parent.

    Args:
        repository: Where the commit is.
        commit: The commit.
        file: What a rejection names as its file.
        number: Its place in the walk, from 1.

    Raises:
        GitError, KeyError: an object that the commit needs is missing or damaged.
    """
    try:
        payload = _payload(repository, commit)
    except (ValueError, OverflowError) as error:  # e.g. a date beyond the calendar
        return unreadable_commit(commit, error, file, number)
    return guarded(COMMIT.record, payload, file, number)


def unreadable_commit(commit: "Commit", error: Exception, file: str, number: int) -> RejectedRecord:
    """What is stored instead of a commit that raised while it was read."""
    detail = f"Commit {commit.id} cannot be read ({type(error).__name__})."
    return RejectedRecord(file, number, "unreadable_commit", detail)


def _payload(repository: "Repository", commit: "Commit") -> dict[str, Any]:
    import pygit2

    parents = _parents(repository, commit)
    payload: dict[str, Any] = {
        "sha": str(commit.id),
        "parents": parents,
        "author_date": _moment(commit.author),
        "commit_date": _moment(commit.committer),
        "author_name": _decoded(lambda: commit.author.name, commit.author.raw_name),
        "message": _decoded(lambda: commit.message, commit.raw_message),
    }
    if not parents:
        diff = commit.tree.diff_to_tree(swap=True, context_lines=0)
    elif all(parent in repository for parent in parents):
        diff = repository.diff(pygit2.Oid(hex=parents[0]), commit, context_lines=0)
    else:
        # The last commits of a shallow clone have parents that are not there: their change is unknown.
        return payload
    payload["files"] = [delta.new_file.path for delta in diff.deltas]
    payload["insertions"], payload["deletions"] = diff.stats.insertions, diff.stats.deletions
    return payload


def _parents(repository: "Repository", commit: "Commit") -> list[str]:
    """The ids as the commit has them: libgit2 hides those beyond the border of a shallow clone."""
    if commit.parent_ids or not repository.is_shallow:
        return [str(parent) for parent in commit.parent_ids]
    header = repository.read(commit.id)[1].partition(b"\n\n")[0]
    return [line[7:].decode() for line in header.splitlines() if line.startswith(b"parent ")]


def _decoded(decode: Callable[[], str], raw: bytes) -> str:
    """Text in the encoding that the commit names, or as UTF-8 where there is no such encoding."""
    try:
        return decode() or raw.decode("utf-8", "replace")
    except (LookupError, UnicodeDecodeError):
        return raw.decode("utf-8", "replace")


def _moment(signature: "Signature") -> str:
    zone = timezone(timedelta(minutes=signature.offset)) if abs(signature.offset) < 24 * 60 else UTC
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=signature.time)).astimezone(zone).isoformat()
