"""GitHub REST objects: issues, pull requests, what was said on them, commits, releases and deployments."""

import re
from datetime import datetime
from typing import Any

from precedent.sources.records import RawKind, RawRecord, Shape
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text

# https://api.github.com/repos/o/n/..., https://host/api/v3/repos/o/n/..., https://github.com/o/n/issues/7
API = re.compile(r"/repos/([^/\s]+)/([^/\s]+)(?:/(?:issues|pulls)/(\d+))?")
PAGE = re.compile(r"^https?://[^/\s]+/([^/\s]+)/([^/\s]+)/(?:issues|pull)/(\d+)")
URLS = ("issue_url", "pull_request_url", "repository_url", "url", "html_url")
PREFIXES = {
    Shape.GITHUB_COMMENT: "comment",
    Shape.GITHUB_REVIEW: "review",
    Shape.GITHUB_REVIEW_COMMENT: "review_comment",
}


def recognise(payload: dict[str, Any]) -> Shape | None:
    """Which GitHub object this is, or None."""
    if "sha" in payload and isinstance(payload.get("commit"), dict):
        return Shape.GITHUB_COMMIT
    if "tag_name" in payload:
        return Shape.GITHUB_RELEASE
    if all(name in payload for name in ("environment", "sha", "ref", "task")):
        return Shape.GITHUB_DEPLOYMENT
    if "pull_request_review_id" in payload or "diff_hunk" in payload:
        return Shape.GITHUB_REVIEW_COMMENT
    if payload.get("event") == "reviewed" or "submitted_at" in payload or "pull_request_url" in payload:
        return Shape.GITHUB_REVIEW
    if payload.get("event") == "commented" or ("issue_url" in payload and "title" not in payload):
        return Shape.GITHUB_COMMENT
    if "number" in payload and "title" in payload:
        if payload.get("pull_request") or ("head" in payload and "base" in payload):
            return Shape.GITHUB_PULL
        return Shape.GITHUB_ISSUE
    return None


def record(payload: dict[str, Any], shape: Shape, notes: tuple[str, ...], repository: str | None = None) -> RawRecord:
    """The record of an object of this shape.

    Args:
        payload: The object.
        shape: What it is.
        notes: What was cleaned.
        repository: `owner/name` that ids begin with, whatever the URLs in the payload say: after a rename they
            may name the old one. None takes it from the URLs.

    Raises:
        UnreadableError: it has no id, a field of the wrong type, or a date that is none.
    """
    if shape in {Shape.GITHUB_ISSUE, Shape.GITHUB_PULL}:
        return _titled(payload, shape, notes, repository)
    if shape in PREFIXES:
        return _said(payload, shape, notes, repository)
    if shape is Shape.GITHUB_COMMIT:
        return _commit(payload, notes)
    if shape is Shape.GITHUB_RELEASE:
        return _release(payload, notes)
    return _deployment(payload, notes)


def _titled(payload: dict[str, Any], shape: Shape, notes: tuple[str, ...], repository: str | None) -> RawRecord:
    text(payload, "body")
    text(payload, "title")
    listing(payload, "labels")
    return RawRecord(
        kind=RawKind.ISSUE if shape is Shape.GITHUB_ISSUE else RawKind.PULL_REQUEST, shape=shape,
        external_id=_item(payload, repository), payload=payload, created_at=_moment(payload, "created_at"),
        updated_at=_moment(payload, "updated_at"), completeness=int("head" in payload), notes=notes,
    )  # fmt: skip


def _said(payload: dict[str, Any], shape: Shape, notes: tuple[str, ...], repository: str | None) -> RawRecord:
    text(payload, "body")
    created, updated = _moment(payload, "created_at"), _moment(payload, "updated_at")
    submitted = _moment(payload, "submitted_at")
    return RawRecord(
        kind=RawKind.COMMENT, shape=shape, external_id=f"{PREFIXES[shape]}:{identifier(payload, 'id')}",
        payload=payload, parent_id=_item(payload, repository), created_at=created or submitted,
        updated_at=updated or submitted or created, notes=notes,
    )  # fmt: skip


def _commit(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    commit = payload.get("commit")
    if not isinstance(commit, dict):
        raise UnreadableError("wrong_type", f"Field commit is a {type(commit).__name__}, not an object.")
    text(commit, "message")
    listing(payload, "files")
    authored, committed = _signed(commit, "author"), _signed(commit, "committer")
    return RawRecord(
        kind=RawKind.COMMIT, shape=Shape.GITHUB_COMMIT, external_id=identifier(payload, "sha"), payload=payload,
        created_at=authored or committed, updated_at=committed or authored, completeness=int("files" in payload),
        notes=notes,
    )  # fmt: skip


def _signed(commit: dict[str, Any], who: str) -> datetime | None:
    person = commit.get(who)
    return moment(person.get("date"), f"{who}.date") if isinstance(person, dict) else None


def _release(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    text(payload, "body")
    text(payload, "name")
    # `created_at` is the date of the tagged commit; what a reader asks is when it came out.
    created, published = _moment(payload, "created_at"), _moment(payload, "published_at")
    return RawRecord(
        kind=RawKind.RELEASE, shape=Shape.GITHUB_RELEASE, external_id=f"release:{identifier(payload, 'id')}",
        payload=payload, created_at=published or created,
        updated_at=_moment(payload, "updated_at") or published or created, notes=notes,
    )  # fmt: skip


def _deployment(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    text(payload, "environment")
    text(payload, "description")
    listing(payload, "statuses")
    created = _moment(payload, "created_at")
    return RawRecord(
        kind=RawKind.DEPLOYMENT, shape=Shape.GITHUB_DEPLOYMENT,
        external_id=f"deployment:{identifier(payload, 'id')}", payload=payload, created_at=created,
        updated_at=_moment(payload, "updated_at") or created, notes=notes,
    )  # fmt: skip


def _moment(payload: dict[str, Any], name: str) -> datetime | None:
    return moment(payload.get(name), name)


def _item(payload: dict[str, Any], known: str | None) -> str:
    """`owner/name#number` of the issue or pull request that this is or belongs to."""
    repository, number = known or "", payload.get("number")
    for name in URLS:
        url = payload.get(name)
        if not isinstance(url, str):
            continue
        found = API.search(url) or PAGE.match(url)
        if found:
            repository = repository or f"{found[1]}/{found[2]}"
            number = number if number is not None else found[3]
    if isinstance(number, bool) or not (isinstance(number, int) or str(number or "").isdigit()):
        raise UnreadableError("no_id", "The record has no number, nor a URL that holds one.")
    return f"{repository}#{int(str(number))}"
