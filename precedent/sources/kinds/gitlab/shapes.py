"""Shapes of GitLab's REST interface: issues, merge requests, notes, releases, deployments and pipelines."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text
from precedent.text.extract.model import Document

Payload = dict[str, Any]

PAGE = re.compile(r"^https?://[^/\s]+/(.+?)/(?:-/)?(?:issues|work_items|merge_requests)/\d+")
# What stands between a project and the number of an item.
MARKS = {"Issue": "#", "MergeRequest": "!"}


@dataclass(frozen=True, slots=True)
class GitLabShape:
    """A form of GitLab's payloads."""

    name: str
    signs: Callable[[Payload], bool]
    reader: Callable[[str, Payload, str], RawRecord]

    def recognise(self, payload: Payload) -> bool:
        """True if a payload has this form."""
        return self.signs(payload)

    def record(self, payload: Payload, project: str | None = None) -> RawRecord:
        """The record of a payload.

        Args:
            payload: The object.
            project: `group/project` that ids begin with; None takes it from the payload's URL.

        Raises:
            UnreadableError: it has no id, a field of the wrong type, or a date that cannot be read.
        """
        return self.reader(self.name, payload, _project(payload) if project is None else project)

    def extract(self, payload: Payload) -> Document:
        """The document of a payload."""
        from precedent.sources.kinds.gitlab.extract import EXTRACTORS

        return EXTRACTORS[self.name](payload)


def _titled(kind: RawKind, mark: str) -> Callable[[str, Payload, str], RawRecord]:
    def read(shape: str, payload: Payload, project: str) -> RawRecord:
        text(payload, "title")
        text(payload, "description")
        listing(payload, "labels")
        return _record(kind, shape, f"{project}{mark}{identifier(payload, 'iid')}", payload)

    return read


def _note(shape: str, payload: Payload, project: str) -> RawRecord:
    text(payload, "body")
    mark = MARKS.get(str(payload.get("noteable_type")))
    if mark is None:
        raise UnreadableError("wrong_type", "The note is neither on an issue nor on a merge request.")
    parent = f"{project}{mark}{identifier(payload, 'noteable_iid')}"
    return _record(RawKind.COMMENT, shape, f"note:{identifier(payload, 'id')}", payload, parent)


def _release(shape: str, payload: Payload, _: str) -> RawRecord:
    text(payload, "name")
    text(payload, "description")
    released = moment(payload.get("released_at"), "released_at")
    created = moment(payload.get("created_at"), "created_at")
    return RawRecord(
        kind=RawKind.RELEASE,
        shape=shape,
        external_id=f"release:{identifier(payload, 'tag_name')}",
        payload=payload,
        created_at=released or created,
        updated_at=released or created,
    )


def _deployment(shape: str, payload: Payload, _: str) -> RawRecord:
    return _record(RawKind.DEPLOYMENT, shape, f"deployment:{identifier(payload, 'id')}", payload)


def _pipeline(shape: str, payload: Payload, _: str) -> RawRecord:
    text(payload, "ref")
    listing(payload, "failed_jobs")
    return _record(RawKind.INCIDENT, shape, f"pipeline:{identifier(payload, 'id')}", payload)


def _record(kind: RawKind, shape: str, external_id: str, payload: Payload, parent: str | None = None) -> RawRecord:
    created = moment(payload.get("created_at"), "created_at")
    return RawRecord(
        kind=kind,
        shape=shape,
        external_id=external_id,
        payload=payload,
        parent_id=parent,
        created_at=created,
        updated_at=moment(payload.get("updated_at"), "updated_at") or created,
    )


def _has(*names: str) -> Callable[[Payload], bool]:
    return lambda payload: all(name in payload for name in names)


MERGE_REQUEST = GitLabShape(
    "gitlab_merge_request", _has("iid", "source_branch", "target_branch"), _titled(RawKind.PULL_REQUEST, "!")
)
ISSUE = GitLabShape("gitlab_issue", _has("iid", "project_id", "title", "labels"), _titled(RawKind.ISSUE, "#"))
NOTE = GitLabShape("gitlab_note", _has("noteable_type", "noteable_iid", "body"), _note)
RELEASE = GitLabShape("gitlab_release", _has("tag_name", "released_at"), _release)
DEPLOYMENT = GitLabShape("gitlab_deployment", _has("iid", "environment", "sha", "ref", "deployable"), _deployment)
PIPELINE = GitLabShape("gitlab_pipeline", _has("project_id", "sha", "ref", "status", "source"), _pipeline)
# A merge request has the signs of an issue, too, and comes first.
SHAPES = (MERGE_REQUEST, ISSUE, NOTE, RELEASE, DEPLOYMENT, PIPELINE)


def _project(payload: Payload) -> str:
    found = PAGE.match(str(payload.get("web_url") or ""))
    return found[1] if found else ""
