"""Source `git`: the commits of a local clone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.errors import SourceError
from resources.sources import shapes
from resources.sources.cleaning import clean
from resources.sources.records import RawRecord, RejectedRecord

if TYPE_CHECKING:
    from pygit2 import Commit, Repository, Signature

READER_VERSION = "1"


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

    def estimate(self) -> int | None:
        """Nobody knows without walking the history."""
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
                payload, notes = clean(_payload(repository, commit))
            except (pygit2.GitError, KeyError, ValueError) as error:
                detail = f"Commit {commit.id} cannot be read ({type(error).__name__})."
                yield RejectedRecord(self.path.name, number, "unreadable_commit", detail)
                continue
            yield shapes.record(payload, notes)

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


def _payload(repository: "Repository", commit: "Commit") -> dict[str, Any]:
    payload: dict[str, Any] = {
        "sha": str(commit.id),
        "parents": [str(parent) for parent in commit.parent_ids],
        "author_date": _moment(commit.author),
        "commit_date": _moment(commit.committer),
        "author_name": commit.author.name,
        "message": commit.message or commit.raw_message.decode("utf-8", "replace"),
    }
    shallow = any(parent not in repository for parent in commit.parent_ids)
    if not shallow:
        # A shallow clone's last commits have parents that are not there: their change is unknown.
        if commit.parents:
            diff = repository.diff(commit.parents[0], commit, context_lines=0)
        else:
            diff = commit.tree.diff_to_tree(swap=True, context_lines=0)
        payload["files"] = [delta.new_file.path for delta in diff.deltas]
        payload["insertions"], payload["deletions"] = diff.stats.insertions, diff.stats.deletions
    return payload


def _moment(signature: "Signature") -> str:
    zone = timezone(timedelta(minutes=signature.offset)) if abs(signature.offset) < 24 * 60 else UTC
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=signature.time)).astimezone(zone).isoformat()
