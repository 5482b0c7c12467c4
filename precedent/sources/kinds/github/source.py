"""Source `github`: a repository on GitHub or GitHub Enterprise, read through its REST interface."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from precedent.errors import UsageError
from precedent.sources.errors import NeedsAttention, NotThere
from precedent.sources.http_client import SHORT_WAIT_S, Caller
from precedent.sources.kind import Cursor, Page, Probe, Stream
from precedent.sources.kinds.github.commits import Commits
from precedent.sources.kinds.github.connection import GitHubAuth, GitHubConnection
from precedent.sources.kinds.github.issues import Issues
from precedent.sources.kinds.github.keyset import Keyset
from precedent.sources.kinds.github.newest_first import NewestFirst
from precedent.sources.kinds.github.probe import Look, look
from precedent.sources.kinds.github.repository_api import PER_PAGE, Repository
from precedent.sources.records import RawKind, Shape
from precedent.sources.shapes.github import API

OWNER_AND_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
# Every one costs a request for its statuses; see PULLS_A_PAGE.
DEPLOYMENTS_A_PAGE = 30
CREATED: Final = {"sort": "created", "direction": "asc"}
STREAMS: Final = (
    # Their records include reviews, which are comments by kind; sweeps are about issues and pull requests.
    Stream("issues", frozenset({RawKind.ISSUE, RawKind.PULL_REQUEST}), sweeps=True),
    Stream("comments", frozenset({RawKind.COMMENT}), sweeps=True),
    Stream("review_comments", frozenset({RawKind.COMMENT}), sweeps=True),
    Stream("commits", frozenset({RawKind.COMMIT})),
    Stream("releases", frozenset({RawKind.RELEASE}), sweeps=True),
    Stream("deployments", frozenset({RawKind.DEPLOYMENT})),
)
# Stream: where its list and its single items are, what ids begin with.
PATHS: Final = {
    "comments": ("issues/comments", "comment", Shape.GITHUB_COMMENT),
    "review_comments": ("pulls/comments", "review_comment", Shape.GITHUB_REVIEW_COMMENT),
    "releases": ("releases", "release", Shape.GITHUB_RELEASE),
    "deployments": ("deployments", "deployment", Shape.GITHUB_DEPLOYMENT),
}


class GitHubSource:
    """Issues, pull requests, what was said on them, commits, releases and deployments of one repository."""

    def __init__(
        self,
        repository: str,
        *,
        base_url: str | None = None,
        auth: GitHubAuth | None = None,
        name: str | None = None,
        commit_files: bool = False,
        short_wait_s: float = SHORT_WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            repository: `owner/name`, as it was called when the source was added.
            base_url: Of GitHub Enterprise, `https://host/api/v3`; None for the public one.
            auth: Credentials; none for a public repository.
            name: `owner/name` that ids began with at the last sync.
            commit_files: Ask for each commit by itself, which costs a request and brings its files.
            short_wait_s: The longest rate limit to sit out, seconds.
            sleep: How to wait.
            now: The clock, UTC.

        Raises:
            UsageError: the repository is no `owner/name`, or the base URL is none.
            NeedsAttention: the private key of an App cannot be read.
        """
        if not OWNER_AND_NAME.fullmatch(repository):
            raise UsageError("A repository is named OWNER/NAME, e.g. rails/rails.")
        self.repository = repository
        self.commit_files = commit_files
        self._former = {called.lower() for called in (repository, name) if called}
        self._connection = GitHubConnection(auth or GitHubAuth(), base_url)
        self._caller = Caller(
            self._connection.send, self._connection.name, short_wait_s=short_wait_s, sleep=sleep, now=now
        )
        self._looked: Look | None = None

    @property
    def requests(self) -> int:
        """HTTP requests sent so far; a redirect and an App's request for a token count with what they are for."""
        return self._caller.requests

    def streams(self) -> tuple[Stream, ...]:
        """What a repository offers; what one has switched off is a fault of its stream."""
        return STREAMS

    def probe(self, before: Probe | None = None) -> Probe:
        """Look whether something may have changed: three conditional requests, six the first time.

        Raises:
            NotThere: the repository is gone, or the credentials may not see it.
        """
        self._looked = look(self._caller, self.repository, before)
        return self._looked.probe

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """Everything of a stream that is new or changed since the cursor."""
        looked = self._look()
        repository = Repository(self._caller, looked.name)
        if stream.name == "issues":
            yield from Issues(repository).pages(cursor, since)
        elif stream.name == "commits":
            yield from Commits(repository, looked.branch, self.commit_files).pages(cursor, since)
        elif stream.name == "releases":
            yield from NewestFirst(repository, stream.name, Shape.GITHUB_RELEASE).pages(cursor, since)
        elif stream.name == "deployments":
            yield from NewestFirst(
                repository, stream.name, Shape.GITHUB_DEPLOYMENT, DEPLOYMENTS_A_PAGE, statuses=True
            ).pages(cursor, since)
        else:
            yield from self._said(repository, stream, cursor, since)

    def ids(self, stream: Stream) -> Iterator[tuple[RawKind, str]]:
        """Every id that a stream lists, oldest first where the server can.

        Raises:
            UsageError: the stream cannot be swept.
        """
        if not stream.sweeps:
            raise UsageError(f"The stream {stream.name} cannot be swept: it does not list everything.")
        repository = Repository(self._caller, self._look().name)
        path = "issues" if stream.name == "issues" else PATHS[stream.name][0]
        parameters = {} if stream.name == "releases" else {"state": "all", **CREATED} if path == "issues" else CREATED
        for reply in repository.pages(path, {**parameters, "per_page": PER_PAGE}, what=stream.name):
            for item in reply.data:
                if isinstance(item, dict):
                    yield self._identity(stream, repository.name, item)

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """Whether the item is deleted, or was moved to another repository.

        Ids that are not of this stream are not gone: reviews come with the issues and cannot be asked for alone.
        """
        path, number = _address(stream, external_id)
        if path is None:
            return False
        repository = Repository(self._caller, self._look().name)
        try:
            item = repository.get(path, expect=dict, what=f"{kind.value} {external_id}").data
        except NotThere:
            return True
        except NeedsAttention as fault:
            if stream.name == "commits" and fault.code == "refused":
                return True
            raise
        if number is not None and item.get("number") != number:
            return True
        return self._is_elsewhere(item, repository.name)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _look(self) -> Look:
        if self._looked is None:
            self._looked = look(self._caller, self.repository, None)
        return self._looked

    def _said(
        self, repository: Repository, stream: Stream, cursor: Cursor | None, since: datetime | None
    ) -> Iterator[Page]:
        path, _, shape = PATHS[stream.name]
        ordinal = 0
        for batch in Keyset(repository, path, stream.name).read(cursor, since):
            records = tuple(
                repository.record(item, shape, stream.name, place)
                for place, item in enumerate(batch.items, ordinal + 1)
            )
            ordinal += len(records)
            yield Page(records, batch.cursor)

    def _identity(self, stream: Stream, name: str, item: dict[str, Any]) -> tuple[RawKind, str]:
        if stream.name == "issues":
            kind = RawKind.PULL_REQUEST if item.get("pull_request") else RawKind.ISSUE
            return kind, f"{name}#{item.get('number')}"
        return next(iter(stream.kinds)), f"{PATHS[stream.name][1]}:{item.get('id')}"

    def _is_elsewhere(self, item: dict[str, Any], name: str) -> bool:
        """Whether the item's URLs name a repository that this one is not and was not called."""
        ours = {name.lower(), *self._former}
        for key in ("repository_url", "issue_url", "pull_request_url", "url"):
            found = API.search(str(item.get(key) or ""))
            if found:
                return f"{found[1]}/{found[2]}".lower() not in ours
        return False


def _address(stream: Stream, external_id: str) -> tuple[str | None, int | None]:
    """The path of one item below its repository, and its number where it has one; None for ids of other streams."""
    if stream.name == "issues":
        number = external_id.rpartition("#")[2]
        return (f"issues/{number}", int(number)) if "#" in external_id and number.isdigit() else (None, None)
    if stream.name == "commits":
        return f"commits/{external_id}", None
    path, prefix, _ = PATHS[stream.name]
    kind, _, number = external_id.partition(":")
    return (f"{path}/{number}", None) if kind == prefix and number.isdigit() else (None, None)
