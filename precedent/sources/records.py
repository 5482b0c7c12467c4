"""What a source yields: a record, or the reason why one could not be read."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from precedent.sources.shapes.cleaning import clean
from precedent.sources.shapes.fields import UnreadableError

# An index entry of PostgreSQL holds 2,700 bytes; no system has ids that come near.
LONGEST_ID = 1_000
LONGEST_PLACE = 1_000


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


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One item as its system returned it, with what the platform needs to key and order it.

    Attributes:
        kind: What it is.
        shape: The name of the `Shape` that reads its payload.
        external_id: Unique within a source and kind, e.g. `owner/name#12` or the key of a Jira issue. Where a source
            can be renamed its ids begin with `name#`.
        payload: JSON without NUL characters and lone surrogates.
        parent_id: The external id of the issue or pull request that a comment belongs to.
        created_at: UTC.
        updated_at: UTC; the newer of two payloads of one id is kept.
        completeness: Comes before `updated_at` where payloads differ in it: a full pull request is kept rather than
            its stub in the list of issues.
        notes: What was cleaned, as stable words.
    """

    kind: RawKind
    shape: str
    external_id: str
    payload: dict[str, Any]
    parent_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completeness: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the ids fit into a column and its index.

        Raises:
            UnreadableError: one is empty, longer than `LONGEST_ID` bytes, or has characters that cannot be stored.
        """
        for found in (self.external_id, self.parent_id):
            if found is None:
                continue
            if not found or clean(found)[1]:
                raise UnreadableError("no_id", "The record has no id that can be stored.")
            if len(found.encode()) > LONGEST_ID:
                raise UnreadableError("id_too_long", f"An id of the record is longer than {LONGEST_ID:,} bytes.")

    def payload_json(self) -> bytes:
        """The payload as canonical JSON (sorted keys), UTF-8."""
        return orjson.dumps(self.payload, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def payload_hash(shape: str, payload_json: bytes) -> bytes:
    """A 32-byte digest of the shape and the canonical payload; equal exactly when nothing changed."""
    return hashlib.sha256(shape.encode() + b"\0" + payload_json).digest()


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that could not be read; stored and counted, never a reason to stop.

    `file` is relative to the source's root, `line` counts from 1 (for a JSON array: the position in it),
    `reason` is a stable code, `detail` a sentence without the record's content. Names of files need not be UTF-8:
    what cannot be stored is replaced.
    """

    file: str
    line: int
    reason: str
    detail: str

    def __post_init__(self) -> None:
        """Make both texts such as can be stored."""
        object.__setattr__(self, "file", clean(self.file[:LONGEST_PLACE])[0])
        object.__setattr__(self, "detail", clean(self.detail[:LONGEST_PLACE])[0])
