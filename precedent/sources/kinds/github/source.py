"""A repository on GitHub or GitHub Enterprise, read through its REST interface."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from precedent.errors import ActionRequired, NotThere, UsageError
from precedent.http.client import HttpOptions
from precedent.sources.kinds.github.auth import GitHubAuth, connected
from precedent.sources.kinds.github.commits import Commits
from precedent.sources.kinds.github.issues import Issues
from precedent.sources.kinds.github.keyset import Keyset
from precedent.sources.kinds.github.newest_first import NewestFirst
from precedent.sources.kinds.github.probe import RepositoryProbe, probed
from precedent.sources.kinds.github.repository_api import PER_PAGE, Repository
from precedent.sources.kinds.github.shapes import (
    API,
    COMMENT,
    DEPLOYMENT,
    ISSUE,
    RELEASE,
    REVIEW_COMMENT,
    GitHubShape,
)
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.fields import moment_of
from precedent.sources.source import Cursor, Listed, Page, Probe, Stream

OWNER_AND_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
# Every one costs a request for its statuses; see PULLS_A_PAGE.
DEPLOYMENTS_A_PAGE = 30
NEWEST_FIRST: Final = {"releases", "deployments"}
CREATED: Final = {"sort": "created", "direction": "asc"}
STREAMS: Final = (
    # Their records include reviews, which are comments by kind; sweeps are about issues and pull requests.
    Stream("issues", frozenset({RawKind.ISSUE, RawKind.PULL_REQUEST}), sweeps=True),
    Stream("comments", frozenset({RawKind.COMMENT}), sweeps=True),
    Stream("review_comments", frozenset({RawKind.COMMENT}), sweeps=True),
    Stream("commits", frozenset({RawKind.COMMIT})),
    Stream("releases", frozenset({RawKind.RELEASE}), sweeps=True),
    Stream("deployments", frozenset({RawKind.DEPLOYMENT}), sweeps=True),
)
# Stream: where its list and its single items are, what ids begin with.
PATHS: Final = {
    "comments": ("issues/comments", "comment", COMMENT),
    "review_comments": ("pulls/comments", "review_comment", REVIEW_COMMENT),
    "releases": ("releases", "release", RELEASE),
    "deployments": ("deployments", "deployment", DEPLOYMENT),
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
        options: HttpOptions | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            repository: `owner/name`, as it was called when the source was added.
            base_url: Of GitHub Enterprise, `https://host/api/v3`; None for the public one.
            auth: Credentials; none for a public repository.
            name: `owner/name` that ids began with at the last sync.
            commit_files: Ask for each commit by itself, which costs a request and brings its files.
            options: Limits of time and size.

        Raises:
            UsageError: the repository is not `owner/name`, or the base URL is not valid.
            ActionRequired: the private key of an App cannot be read.
        """
        if not OWNER_AND_NAME.fullmatch(repository):
            raise UsageError("A repository is named OWNER/NAME, e.g. rails/rails.")
        # A name that was given up can be taken by another repository: the one that it has now is asked for.
        self.repository = name or repository
        self.commit_files = commit_files
        self._former = {called.lower() for called in (repository, name) if called}
        self._client = connected(auth or GitHubAuth(), base_url, options or HttpOptions())
        self._probed: RepositoryProbe | None = None

    @property
    def requests(self) -> int:
        """HTTP requests sent so far; a redirect and an App's request for a token count with what they are for."""
        return self._client.requests

    def streams(self) -> tuple[Stream, ...]:
        """What a repository offers; what one has switched off is a fault of its stream."""
        return STREAMS

    def probe(self, before: Probe | None = None) -> Probe:
        """Whether something may have changed: three conditional requests, six the first time.

        Raises:
            NotThere: the repository is gone, or the credentials may not see it.
        """
        self._probed = probed(self._client, self.repository, before)
        return self._probed.probe

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """Everything of a stream that is new or changed since the cursor."""
        found = self._probe()
        repository = Repository(self._client, found.name)
        if stream.name == "issues":
            yield from Issues(repository).pages(cursor, since)
        elif stream.name == "commits":
            yield from Commits(repository, found.branch, self.commit_files).pages(cursor, since)
        elif stream.name == "releases":
            yield from NewestFirst(repository, stream.name, RELEASE).pages(cursor, since)
        elif stream.name == "deployments":
            yield from _deployments(repository).pages(cursor, since)
        else:
            yield from self._comments(repository, stream, cursor, since)

    def identity(self) -> str | None:
        """The repository's number."""
        return str(self._probe().number)

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """Everything that a stream lists, oldest first where the server can.

        Raises:
            UsageError: the stream does not list everything.
        """
        if not stream.sweeps:
            raise UsageError(f"The stream {stream.name} does not list everything: it cannot be swept.")
        repository = Repository(self._client, self._probe().name)
        path = "issues" if stream.name == "issues" else PATHS[stream.name][0]
        parameters = {} if stream.name in NEWEST_FIRST else {"state": "all", **CREATED} if path == "issues" else CREATED
        for reply in repository.pages(path, {**parameters, "per_page": PER_PAGE}, what=stream.name):
            for item in reply.data:
                if isinstance(item, dict):
                    yield _listed(stream, repository, item)

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """The records of an item that a listing names: what the list shows, or what is asked for by itself.

        Raises:
            NotThere: it has gone since it was listed.
        """
        repository = Repository(self._client, self._probe().name)
        path, number = _address(stream, listed.external_id)
        if listed.record is not None:
            yield listed.record
        elif listed.kind is RawKind.PULL_REQUEST:
            yield from Issues(repository).pull(number)
        elif path is not None:
            alone = repository.get(path, expect=dict, what=f"{listed.kind.value} {listed.external_id}").data
            if listed.kind is RawKind.DEPLOYMENT:
                yield _deployments(repository).record(alone)
            else:
                yield repository.record(alone, _shape(stream), path, 1)

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """True if the item is deleted, or was moved to another repository.

        Ids that are not of this stream are not gone: reviews come with the issues and cannot be asked for alone.
        """
        path, number = _address(stream, external_id)
        if path is None:
            return False
        repository = Repository(self._client, self._probe().name)
        try:
            item = repository.get(path, expect=dict, what=f"{kind.value} {external_id}").data
        except NotThere:
            return True
        except ActionRequired as fault:
            if stream.name == "commits" and fault.code == "refused":
                return True
            raise
        if number is not None and item.get("number") != number:
            return True
        return self._is_elsewhere(item, repository.name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _probe(self) -> RepositoryProbe:
        if self._probed is None:
            self._probed = probed(self._client, self.repository, None)
        return self._probed

    def _comments(
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

    def _is_elsewhere(self, item: dict[str, Any], name: str) -> bool:
        """True if the item's URLs name a repository other than this one, by its names now and before."""
        ours = {name.lower(), *self._former}
        for key in ("repository_url", "issue_url", "pull_request_url", "url"):
            found = API.search(str(item.get(key) or ""))
            if found:
                return f"{found[1]}/{found[2]}".lower() not in ours
        return False


def _listed(stream: Stream, repository: Repository, item: dict[str, Any]) -> Listed:
    if stream.name != "issues":
        kind, external_id = next(iter(stream.kinds)), f"{PATHS[stream.name][1]}:{item.get('id')}"
    else:
        kind = RawKind.PULL_REQUEST if item.get("pull_request") else RawKind.ISSUE
        external_id = f"{repository.name}#{item.get('number')}"
    # Of pull requests the list shows stubs, of deployments no statuses.
    whole = kind not in {RawKind.PULL_REQUEST, RawKind.DEPLOYMENT}
    record = repository.record(item, _shape(stream), stream.name, 1) if whole else None
    shown = record if isinstance(record, RawRecord) else None
    return Listed(kind, external_id, moment_of(item, "updated_at"), shown)


def _shape(stream: Stream) -> GitHubShape:
    return ISSUE if stream.name == "issues" else PATHS[stream.name][2]


def _deployments(repository: Repository) -> NewestFirst:
    return NewestFirst(repository, "deployments", DEPLOYMENT, DEPLOYMENTS_A_PAGE, statuses=True)


def _address(stream: Stream, external_id: str) -> tuple[str | None, int | None]:
    """The path of one item below its repository, and its number where it has one; None for ids of other streams."""
    if stream.name == "issues":
        number = external_id.rpartition("#")[2]
        return (f"issues/{number}", int(number)) if "#" in external_id and number.isdecimal() else (None, None)
    if stream.name == "commits":
        return f"commits/{external_id}", None
    path, prefix, _ = PATHS[stream.name]
    kind, _, number = external_id.partition(":")
    return (f"{path}/{number}", None) if kind == prefix and number.isdecimal() else (None, None)
