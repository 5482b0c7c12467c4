"""GitHub REST objects: issues, pull requests, comments, reviews and review comments."""

import re
from typing import Any

from resources.sources.fields import UnreadableError, identifier, listing, moment, text
from resources.sources.records import RawKind, RawRecord, Shape

# https://api.github.com/repos/o/n/..., https://host/api/v3/repos/o/n/..., https://github.com/o/n/issues/7
API = re.compile(r"/repos/([^/\s]+)/([^/\s]+)(?:/(?:issues|pulls)/(\d+))?")
PAGE = re.compile(r"^https?://[^/\s]+/([^/\s]+)/([^/\s]+)/(?:issues|pull)/(\d+)")
URLS = ("issue_url", "pull_request_url", "repository_url", "url", "html_url")


def recognise(payload: dict[str, Any]) -> Shape | None:
    """Which GitHub object this is, or None."""
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


def record(payload: dict[str, Any], shape: Shape, notes: tuple[str, ...]) -> RawRecord:
    """The record of an object of this shape.

    Raises:
        UnreadableError: it has no id, a field of the wrong type, or a date that is none.
    """
    text(payload, "body")
    created = moment(payload.get("created_at"), "created_at")
    updated = moment(payload.get("updated_at"), "updated_at")
    if shape in {Shape.GITHUB_ISSUE, Shape.GITHUB_PULL}:
        text(payload, "title")
        listing(payload, "labels")
        full = "head" in payload
        return RawRecord(
            kind=RawKind.ISSUE if shape is Shape.GITHUB_ISSUE else RawKind.PULL_REQUEST,
            shape=shape, external_id=_item(payload), payload=payload, created_at=created, updated_at=updated,
            completeness=int(full), notes=notes,
        )  # fmt: skip
    prefix = {
        Shape.GITHUB_COMMENT: "comment",
        Shape.GITHUB_REVIEW: "review",
        Shape.GITHUB_REVIEW_COMMENT: "review_comment",
    }[shape]
    submitted = moment(payload.get("submitted_at"), "submitted_at")
    return RawRecord(
        kind=RawKind.COMMENT, shape=shape, external_id=f"{prefix}:{identifier(payload, 'id')}", payload=payload,
        parent_id=_item(payload), created_at=created or submitted, updated_at=updated or submitted or created,
        notes=notes,
    )  # fmt: skip


def _item(payload: dict[str, Any]) -> str:
    """`owner/name#number` of the issue or pull request that this is or belongs to."""
    repository, number = "", payload.get("number")
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
