"""Live source `git`: the commits of a repository by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from precedent.errors import ActionRequired, RetryLater, UsageError
from precedent.sources.kinds.git.clone import Clone, fetched, reaches
from precedent.sources.kinds.git.local import commit_record, unreadable_commit
from precedent.sources.kinds.git.transport import TIMEOUT_S, Damaged, Progress, Remote
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.source import Cursor, Listed, Page, Probe, Stream, replaced

if TYPE_CHECKING:
    from pygit2 import Commit, Repository

COMMITS = Stream("commits", frozenset({RawKind.COMMIT}))
PAGE = 500
DONE, TARGET = "refs/precedent/done", "refs/precedent/target"
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the history was handed out; the cursor's content.

    Everything that `head` reaches is done. While `target` is not None, what it reaches and `head` does not is being
    handed out, ancestors first: `done` commits of it were, `last` was the last of them, and then `gone` of those that
    only `head` reaches. The order is the same whenever the two ends are, so counting is enough to go on; `last` tells
    where it is not, after the border of a shallow clone has moved, and the walk then begins again.
    """

    head: str | None = None
    target: str | None = None
    done: int = 0
    last: str | None = None
    gone: int = 0
    since: str | None = None

    @classmethod
    def of(cls, cursor: Cursor | None, since: datetime | None) -> "Position":
        """From a stored cursor; `since` counts only where there is none."""
        if cursor is not None:
            return cls(**cursor)
        return cls(since=since.isoformat() if since else None)

    def cursor(self) -> Cursor:
        """The form to store; what is at rest is left out."""
        fields = ("head", "target", "done", "last", "gone", "since")
        return {name: value for name in fields if (value := getattr(self, name))}


class GitRemoteSource:
    """The commits that a branch reaches, by way of a bare clone that is fetched into."""

    def __init__(
        self,
        url: str,
        *,
        folder: Path,
        branch: str | None = None,
        depth: int | None = None,
        auth: tuple[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        progress: Progress | None = None,
    ) -> None:
        """Say where it is; nothing is asked yet.

        Args:
            url: `https`, `http`, `ssh` or `file`, without a password or token.
            folder: Where the clone lies; made by this source, and by it alone.
            branch: The branch to follow; None: the server's default branch.
            depth: How many generations the first clone holds; None: the whole history. Later commits are all read.
            auth: User name and password or token.
            timeout_s: The longest silence of the server, seconds.
            progress: Called during a fetch with the objects received so far and in all.

        Raises:
            UsageError: the URL is not one of a repository or holds credentials, or the depth does not fit.
        """
        self._remote = Remote(url, branch, auth, timeout_s, progress)
        if depth is not None and (depth < 1 or self._remote.local):
            raise UsageError("A depth is at least 1, and a file:// repository is always read whole: leave it out.")
        self._clone = Clone(folder, self._remote, depth)
        self._probes = 0

    @property
    def requests(self) -> int:
        """Conversations with the server so far: probes and fetches, each of one to a few requests."""
        return self._probes + self._clone.fetches

    def streams(self) -> tuple[Stream, ...]:
        """One; a commit that a forced push took away is noticed in reading, so nothing sweeps."""
        return (COMMITS,)

    def probe(self, before: Probe | None = None) -> Probe:
        """The newest commit's id as the token; nothing is fetched."""
        return Probe(token=self._head() or "empty", validators={})

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """New commits, ancestors first, in pages of 500; then the ids that a forced push took away.

        What was taken away can be told only while the clone still has it: after a clone was lost and made again,
        commits that the server has dropped meanwhile stay.
        """
        position = Position.of(cursor, since)
        try:
            for page in self._read(position, strict=True):
                yield page
                position = Position(**page.cursor)
        except Damaged:
            self._clone.discard()
        else:
            return
        try:
            # What cannot be read in a new clone either is so on the server.
            yield from self._read(position, strict=False)
        except Damaged as error:
            raise ActionRequired("damaged", f"The history of {self._remote.url} cannot be read ({error}).") from error

    def identity(self) -> str | None:
        """None: a git server gives its repositories no number; their history says which it is, see `pages`."""
        return None

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """Every commit that the branch reaches now, as far as the clone goes back."""
        repository = self._synchronised(Position())
        if repository is None:
            return
        try:
            with _released(repository):
                for commit in _walk(repository, fetched(repository), None):
                    yield Listed(RawKind.COMMIT, str(commit.id))
        except Damaged as error:
            raise self._again() from error

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """None: nothing sweeps, since the history itself says whether it is whole."""
        yield from ()

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """True if the branch does not reach a commit; one beyond the border of a shallow clone counts as there."""
        try:
            repository = self._synchronised(Position())
            if repository is None:
                return True
            with _released(repository):
                if external_id not in repository:
                    return not repository.is_shallow
                return not reaches(repository, fetched(repository), external_id)
        except Damaged as error:
            raise self._again() from error

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _head(self) -> str | None:
        self._probes += 1
        return self._remote.head()

    def _again(self) -> RetryLater:
        self._clone.discard()
        reason = f"The clone of {self._remote.url} was damaged and is made again."
        return RetryLater("damaged", reason, datetime.now(UTC) + SOON)

    def _synchronised(self, position: Position) -> "Repository | None":
        head = self._head()
        if head is None:
            return None
        ends = {DONE: position.head, TARGET: position.target}
        keep = {name: sha for name, sha in ends.items() if sha}
        return self._clone.synchronised(head, keep, tuple(keep.values()))

    def _read(self, position: Position, *, strict: bool) -> Iterator[Page]:
        repository = self._synchronised(position)
        if repository is None:
            return
        with _released(repository):
            newest = fetched(repository)
            self._check_history(repository, position.head, newest)
            if position.target is not None:
                if position.target in repository:
                    yield from self._towards(repository, position, position.target, strict=strict)
                    position = Position(head=position.target)
                else:
                    position = Position(head=position.head, since=position.since)
            if newest != position.head:
                yield from self._towards(repository, replace(position, target=newest), newest, strict=strict)

    def _check_history(self, repository: "Repository", before: str | None, newest: str) -> None:
        """Raise where the history has nothing in common with what was read of it; a shallow one may not show that."""
        if before is None or before not in repository or repository.is_shallow:
            return
        if repository.merge_base(before, newest) is None:
            raise replaced(f"The history at {self._remote.url} has no commit in common with the one that was read")

    def _towards(self, repository: "Repository", start: Position, target: str, *, strict: bool) -> Iterator[Page]:
        """The pages between two ends; the last one's cursor says that the target is done."""
        records: list[RawRecord | RejectedRecord] = []
        gone: list[tuple[RawKind, str]] = []
        position, walked = start, 0
        for entry, after in self._entries(repository, start, target, strict=strict):
            if walked == PAGE:
                yield Page(tuple(records), position.cursor(), tuple(gone))
                records, gone, walked = [], [], 0
            if isinstance(entry, str):
                gone.append((RawKind.COMMIT, entry))
            elif entry is not None:
                records.append(entry)
            position, walked = after, walked + 1
        yield Page(tuple(records), Position(head=target).cursor(), tuple(gone))

    def _entries(
        self, repository: "Repository", start: Position, target: str, *, strict: bool
    ) -> Iterator[tuple[RawRecord | RejectedRecord | str | None, Position]]:
        """What is new as records (None: older than asked for), what is gone as ids, and the position after each."""
        base = start.head if start.head is not None and start.head in repository else None
        position = _sound(repository, start, target, base)
        oldest = datetime.fromisoformat(start.since).timestamp() if start.since else None
        for commit in islice(_walk(repository, target, base), position.done, None):
            position = replace(position, done=position.done + 1, last=str(commit.id))
            left_out = oldest is not None and commit.commit_time < oldest
            yield None if left_out else self._record(repository, commit, position.done, strict=strict), position
        if base is None or reaches(repository, target, base):
            return
        for commit in islice(_walk(repository, base, target), position.gone, None):
            position = replace(position, gone=position.gone + 1)
            yield str(commit.id), position

    def _record(
        self, repository: "Repository", commit: "Commit", number: int, *, strict: bool
    ) -> RawRecord | RejectedRecord:
        import pygit2

        try:
            return commit_record(repository, commit, self._remote.name, number)
        except (pygit2.GitError, KeyError) as error:
            if strict:
                raise Damaged(str(error)) from error
            return unreadable_commit(commit, error, self._remote.name, number)


@contextmanager
def _released(repository: "Repository") -> Iterator[None]:
    """Let go of its packs afterwards, so that those of a clone that is made again are read from the disk."""
    try:
        yield
    finally:
        repository.free()


def _sound(repository: "Repository", start: Position, target: str, base: str | None) -> Position:
    """The position, or the beginning of its walk where the walk does not come by its last commit at that place."""
    if not start.done:
        return start
    last = next(islice(_walk(repository, target, base), start.done - 1, None), None)
    return start if last is not None and str(last.id) == start.last else replace(start, done=0, last=None, gone=0)


def _walk(repository: "Repository", head: str, hidden: str | None) -> Iterator["Commit"]:
    """What a commit reaches and another does not, ancestors first: whatever was seen so far is a closed history."""
    import pygit2

    order = pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.REVERSE
    try:
        walker = repository.walk(pygit2.Oid(hex=head), order)
        if hidden is not None:
            walker.hide(pygit2.Oid(hex=hidden))
        yield from walker
    except (pygit2.GitError, KeyError) as error:
        raise Damaged(str(error)) from error
