"""What a source yields: one record, or the reason why a record could not be read."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import orjson


class RawKind(StrEnum):
    """The kinds of raw item; one `raw/*` asset each."""

    ISSUE = "issue"
    PULL_REQUEST = "pull_request"
    COMMIT = "commit"
    COMMENT = "comment"
    INCIDENT = "incident"
    RELEASE = "release"
    DEPLOYMENT = "deployment"

    @property
    def plural(self) -> str:
        """The name of the asset under `raw/`, and of the column in a list of sources."""
        return f"{self.value}s"


class Shape(StrEnum):
    """Which interface a payload has the shape of; decides which extractor reads it."""

    GITHUB_ISSUE = "github_issue"
    GITHUB_PULL = "github_pull"
    GITHUB_COMMENT = "github_comment"
    GITHUB_REVIEW = "github_review"
    GITHUB_REVIEW_COMMENT = "github_review_comment"
    GITHUB_COMMIT = "github_commit"
    GITHUB_RELEASE = "github_release"
    GITHUB_DEPLOYMENT = "github_deployment"
    JIRA_ISSUE = "jira_issue"
    GIT_COMMIT = "git_commit"
    STATUSPAGE_INCIDENT = "statuspage_incident"
    MAPPED = "mapped"


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One item as its system returned it, with what the platform needs to key and order it.

    `external_id` is unique within a source and kind: `owner/name#12` (or `#12` where the repository is
    unknown) for GitHub issues and pull requests, `comment:ID`, `review:ID` and `review_comment:ID` for
    what was said on them, `release:ID` and `deployment:ID`, the key for Jira, the full sha for commits, the
    id for incidents, and the mapped id as it stands for mapped records. `parent_id` is the external id of the
    issue or pull request that a comment belongs to. `updated_at` orders two payloads of one id;
    `completeness` breaks a tie (a full pull request beats its stub in the issue list). `payload` holds no NUL
    character and no lone surrogate; `notes` says what was cleaned.
    """

    kind: RawKind
    shape: Shape
    external_id: str
    payload: dict[str, Any]
    parent_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completeness: int = 0
    notes: tuple[str, ...] = ()

    def payload_json(self) -> bytes:
        """The payload as canonical JSON (sorted keys), UTF-8."""
        return orjson.dumps(self.payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def payload_hash(shape: Shape, payload_json: bytes) -> bytes:
    """A 32-byte digest of the shape and the canonical payload; equal exactly when nothing changed."""
    return hashlib.sha256(shape.value.encode() + b"\0" + payload_json).digest()


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that could not be read; stored and counted, never a reason to stop.

    `file` is relative to the source's root, `line` counts from 1 (for a JSON array: the position in it),
    `reason` is a stable code, `detail` a sentence without the record's content.
    """

    file: str
    line: int
    reason: str
    detail: str


class Source(Protocol):
    """Where raw records come from."""

    def fingerprint(self) -> str:
        """A digest that changes whenever `read` could yield something else; cheap next to `read`."""
        ...

    def glance(self) -> str:
        """A digest that changes when `fingerprint` may have changed; reads no content, so it can be asked often."""
        ...

    def estimate(self) -> int | None:
        """Roughly how many records `read` yields, for progress; None where nobody knows."""
        ...

    def read(self) -> Iterator[RawRecord | RejectedRecord]:
        """Stream every record; memory does not grow with the source."""
        ...
