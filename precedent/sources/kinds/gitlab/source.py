"""A project on GitLab, read through version 4 of its REST interface."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from precedent.errors import ActionRequired, NotThere, UsageError
from precedent.http.addresses import checked_url
from precedent.http.client import HttpClient, HttpOptions
from precedent.security.redaction import register_secret
from precedent.sources.kinds.gitlab import streams
from precedent.sources.kinds.gitlab.changed_list import KEYSET
from precedent.sources.kinds.gitlab.project_api import Project
from precedent.sources.lists import Part, newest_part
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.cleaning import canonical
from precedent.sources.shapes.fields import moment_of
from precedent.sources.source import Cursor, Listed, Page, Probe, Stream

# Their records include notes, which are comments by kind; full listings are about issues and merge requests.
ALL_STREAMS: Final = (
    Stream("issues", frozenset({RawKind.ISSUE}), sweeps=True),
    Stream("merge_requests", frozenset({RawKind.PULL_REQUEST}), sweeps=True),
    Stream("releases", frozenset({RawKind.RELEASE}), sweeps=True),
    Stream("deployments", frozenset({RawKind.DEPLOYMENT}), sweeps=True),
    Stream("pipelines", frozenset({RawKind.INCIDENT})),
)
NEWEST: Final[dict[str, Any]] = {"order_by": "updated_at", "sort": "desc", "per_page": 1}
OLDEST: Final[dict[str, Any]] = {"order_by": "created_at", "sort": "asc"}
# What a probe asks of each stream.
HEADS: Final[dict[str, dict[str, Any]]] = {
    "issues": {**streams.ALL, **NEWEST},
    "merge_requests": {**streams.ALL, **NEWEST},
    "releases": {"per_page": 1},
    "deployments": NEWEST,
    "pipelines": NEWEST,
}
LISTINGS: Final[dict[str, dict[str, Any]]] = {
    "issues": {**streams.ALL, **OLDEST, **KEYSET},
    "merge_requests": {**streams.ALL, **OLDEST},
    "releases": OLDEST,
    "deployments": OLDEST,
}


class GitLabSource:
    """Issues, merge requests, notes of both, releases, deployments and failed pipelines of one project."""

    def __init__(
        self,
        project: str,
        *,
        base_url: str,
        key: str | None = None,
        bearer: bool = False,
        pipelines: bool = True,
        options: HttpOptions | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            project: `group/project`, as it was called when the source was added.
            base_url: Of the GitLab, without `/api/v4`.
            key: A token; None for a public project.
            bearer: Send the token as OAuth does, not as an access token.
            pipelines: Read failed pipelines too.
            options: Limits of time and size.

        Raises:
            UsageError: the base URL is not valid.
        """
        base = checked_url(base_url, "GitLab")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"} if bearer else {"PRIVATE-TOKEN": key}
        if key:
            register_secret(key)
        self._path = project
        self._streams = tuple(each for each in ALL_STREAMS if pipelines or each.name != "pipelines")
        name = urlsplit(base).hostname or base
        self._client = HttpClient(f"{base}/api/v4", name, authorize=lambda: headers, options=options)
        self._project: Project | None = None

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._client.requests

    def streams(self) -> tuple[Stream, ...]:
        """What a project offers; what one has switched off is a fault of its stream."""
        return self._streams

    def probe(self, before: Probe | None = None) -> Probe:
        """Whether something may have changed: the project and the newest of each stream, six conditional requests.

        Raises:
            NotThere: the project is gone, or the credentials may not see it.
        """
        former: dict[str, Part] = dict(before.validators) if before is not None else {}
        parts = {"project": self._described(former.get("project"))}
        project = self._found(parts["project"])
        for stream in self._streams:
            parts[stream.name] = _newest(project, stream.name, former.get(stream.name))
        values = canonical([part["value"] for part in parts.values()])
        return Probe(hashlib.sha256(values).hexdigest(), parts, project.name)

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """Everything of a stream that is new or changed since the cursor."""
        yield from streams.STREAMS[stream.name](self._known(), cursor, since)

    def identity(self) -> str | None:
        """The project's number."""
        return str(self._known().number)

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """Everything that a stream lists, oldest first.

        Raises:
            UsageError: the stream does not list everything.
        """
        if not stream.sweeps:
            raise UsageError(f"The stream {stream.name} does not list everything: it cannot be swept.")
        project = self._known()
        for reply in project.pages(stream.name, LISTINGS[stream.name]):
            for item in reply.data:
                if isinstance(item, dict):
                    yield _listed(stream, project, item)

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """The records of an item that a listing names, with its notes.

        Raises:
            NotThere: it has gone since it was listed.
        """
        yield from streams.item(self._known(), stream, listed)

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """True if an item is deleted; notes and pipelines are not asked for."""
        if kind not in stream.kinds or not stream.sweeps:
            return False
        try:
            self._known().get(streams.address(stream, external_id), expect=dict)
        except NotThere:
            return True
        return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _known(self) -> Project:
        return self._project or self._found(self._described(None))

    def _described(self, before: Part | None) -> Part:
        """The project as it is now; after the first time by its number, which stays when it is renamed or moved."""
        where = before["value"]["id"] if before else quote(self._path, safe="")
        etag = before["etag"] if before else None
        reply = self._client.get(f"/projects/{where}", etag=etag, what=f"project {self._path}")
        if reply.unchanged and before:
            return before
        data = reply.data
        if not isinstance(data.get("id"), int) or not isinstance(data.get("path_with_namespace"), str):
            raise ActionRequired(
                "other_shape", f"{self._client.name} describes {self._path} in an unknown form: check the base URL."
            )
        value = {"id": data["id"], "name": data["path_with_namespace"], "branch": data.get("default_branch")}
        return {"etag": reply.headers.get("etag"), "value": value}

    def _found(self, part: Part) -> Project:
        value = part["value"]
        self._project = Project(self._client, value["id"], value["name"], str(value["branch"] or "main"))
        return self._project


def _newest(project: Project, stream: str, before: Part | None) -> Part:
    return newest_part(
        lambda etag: project.get(stream, HEADS[stream], etag=etag),
        before,
        lambda newest: [
            newest.get("id") or newest.get("tag_name"),
            newest.get("updated_at") or newest.get("released_at"),
        ],
    )


def _listed(stream: Stream, project: Project, item: dict[str, Any]) -> Listed:
    (kind,) = stream.kinds
    external_id = {
        RawKind.ISSUE: f"{project.name}#{item.get('iid')}",
        RawKind.PULL_REQUEST: f"{project.name}!{item.get('iid')}",
        RawKind.RELEASE: f"release:{item.get('tag_name')}",
        RawKind.DEPLOYMENT: f"deployment:{item.get('id')}",
    }[kind]
    record = project.record(item, streams.SHAPES[stream.name], stream.name, 1)
    shown = record if isinstance(record, RawRecord) else None
    return Listed(kind, external_id, moment_of(item, "updated_at"), shown)
