"""Shapes of GitHub's REST interface: issues, pull requests, comments, commits, releases and deployments."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text
from precedent.text.extract.model import Document

Payload = dict[str, Any]

# https://api.github.com/repos/o/n/..., https://host/api/v3/repos/o/n/..., https://github.com/o/n/issues/7
API = re.compile(r"/repos/([^/\s]+)/([^/\s]+)(?:/(?:issues|pulls)/(\d+))?")
PAGE = re.compile(r"^https?://[^/\s]+/([^/\s]+)/([^/\s]+)/(?:issues|pull)/(\d+)")
URLS = ("issue_url", "pull_request_url", "repository_url", "url", "html_url")


@dataclass(frozen=True, slots=True)
class GitHubShape:
    """A form of GitHub's payloads."""

    name: str
    signs: Callable[[Payload], bool]
    reader: Callable[[str, Payload, str | None], RawRecord]

    def recognise(self, payload: Payload) -> bool:
        """True if a payload has this form, unless a shape before it in `SHAPES` has it."""
        return self.signs(payload)

    def record(self, payload: Payload, repository: str | None = None) -> RawRecord:
        """The record of a payload.

        Args:
            payload: The object.
            repository: `owner/name` that ids begin with, whatever the URLs in the payload say: after a rename they
                may name the old one. None takes it from the URLs.

        Raises:
            UnreadableError: it has no id, a field of the wrong type, or a date that cannot be read.
        """
        return self.reader(self.name, payload, repository)

    def extract(self, payload: Payload) -> Document:
        """The document of a payload."""
        from precedent.sources.kinds.github.extract import EXTRACTORS

        return EXTRACTORS[self.name](payload)


def _titled(kind: RawKind, shape: str, payload: Payload, repository: str | None) -> RawRecord:
    text(payload, "body")
    text(payload, "title")
    listing(payload, "labels")
    return RawRecord(
        kind=kind,
        shape=shape,
        external_id=_item(payload, repository),
        payload=payload,
        created_at=_moment(payload, "created_at"),
        updated_at=_moment(payload, "updated_at"),
        completeness=int("head" in payload),
    )


def _comment(prefix: str, shape: str, payload: Payload, repository: str | None) -> RawRecord:
    text(payload, "body")
    created, updated = _moment(payload, "created_at"), _moment(payload, "updated_at")
    submitted = _moment(payload, "submitted_at")
    return RawRecord(
        kind=RawKind.COMMENT,
        shape=shape,
        external_id=f"{prefix}:{identifier(payload, 'id')}",
        payload=payload,
        parent_id=_item(payload, repository),
        created_at=created or submitted,
        updated_at=updated or submitted or created,
    )


def _commit(shape: str, payload: Payload, _: str | None) -> RawRecord:
    commit = payload.get("commit")
    if not isinstance(commit, dict):
        raise UnreadableError("wrong_type", f"Field commit is a {type(commit).__name__}, not an object.")
    text(commit, "message")
    listing(payload, "files")
    authored, committed = _signed(commit, "author"), _signed(commit, "committer")
    return RawRecord(
        kind=RawKind.COMMIT,
        shape=shape,
        external_id=identifier(payload, "sha"),
        payload=payload,
        created_at=authored or committed,
        updated_at=committed or authored,
        completeness=int("files" in payload),
    )


def _release(shape: str, payload: Payload, _: str | None) -> RawRecord:
    text(payload, "body")
    text(payload, "name")
    # `created_at` is the date of the tagged commit; what a reader asks is when it came out.
    created, published = _moment(payload, "created_at"), _moment(payload, "published_at")
    return RawRecord(
        kind=RawKind.RELEASE,
        shape=shape,
        external_id=f"release:{identifier(payload, 'id')}",
        payload=payload,
        created_at=published or created,
        updated_at=_moment(payload, "updated_at") or published or created,
    )


def _deployment(shape: str, payload: Payload, _: str | None) -> RawRecord:
    text(payload, "environment")
    text(payload, "description")
    listing(payload, "statuses")
    created = _moment(payload, "created_at")
    return RawRecord(
        kind=RawKind.DEPLOYMENT,
        shape=shape,
        external_id=f"deployment:{identifier(payload, 'id')}",
        payload=payload,
        created_at=created,
        updated_at=_moment(payload, "updated_at") or created,
    )


def _is_review(payload: Payload) -> bool:
    return payload.get("event") == "reviewed" or "submitted_at" in payload or "pull_request_url" in payload


def _is_comment(payload: Payload) -> bool:
    return payload.get("event") == "commented" or ("issue_url" in payload and "title" not in payload)


def _is_pull(payload: Payload) -> bool:
    return _is_issue(payload) and bool(payload.get("pull_request") or ("head" in payload and "base" in payload))


def _is_issue(payload: Payload) -> bool:
    return "number" in payload and "title" in payload


COMMIT = GitHubShape("github_commit", lambda item: "sha" in item and isinstance(item.get("commit"), dict), _commit)
RELEASE = GitHubShape("github_release", lambda item: "tag_name" in item and "id" in item, _release)
DEPLOYMENT = GitHubShape(
    "github_deployment", lambda item: all(name in item for name in ("environment", "sha", "ref", "task")), _deployment
)
REVIEW_COMMENT = GitHubShape(
    "github_review_comment",
    lambda item: "pull_request_review_id" in item or "diff_hunk" in item,
    partial(_comment, "review_comment"),
)
REVIEW = GitHubShape("github_review", _is_review, partial(_comment, "review"))
COMMENT = GitHubShape("github_comment", _is_comment, partial(_comment, "comment"))
PULL = GitHubShape("github_pull", _is_pull, partial(_titled, RawKind.PULL_REQUEST))
ISSUE = GitHubShape("github_issue", _is_issue, partial(_titled, RawKind.ISSUE))
# In the order in which they are recognised: a review comment has the signs of a review, a pull request of an issue.
SHAPES = (COMMIT, RELEASE, DEPLOYMENT, REVIEW_COMMENT, REVIEW, COMMENT, PULL, ISSUE)


def _signed(commit: Payload, who: str) -> datetime | None:
    person = commit.get(who)
    return moment(person.get("date"), f"{who}.date") if isinstance(person, dict) else None


def _moment(payload: Payload, name: str) -> datetime | None:
    return moment(payload.get(name), name)


def _item(payload: Payload, known: str | None) -> str:
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
    if isinstance(number, bool) or not (isinstance(number, int) or str(number or "").isdecimal()):
        raise UnreadableError("no_id", "The record has no number, nor a URL that holds one.")
    return f"{repository}#{int(str(number))}"
