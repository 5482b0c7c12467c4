"""The shape of commits as `git log` tells of them."""

from typing import Any

from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import identifier, listing, moment, text
from precedent.text.extract.model import Document


class GitCommit:
    """A commit with its message, files and dates."""

    name = "git_commit"

    def recognise(self, payload: dict[str, Any]) -> bool:
        """True if it has a sha and a message."""
        return "sha" in payload and "message" in payload

    def record(self, payload: dict[str, Any]) -> RawRecord:
        """The record of a commit, whose id is its sha."""
        text(payload, "message")
        listing(payload, "files")
        committed = moment(payload.get("commit_date"), "commit_date")
        authored = moment(payload.get("author_date"), "author_date")
        return RawRecord(
            kind=RawKind.COMMIT,
            shape=self.name,
            external_id=identifier(payload, "sha"),
            payload=payload,
            created_at=authored or committed,
            updated_at=committed or authored,
        )

    def extract(self, payload: dict[str, Any]) -> Document:
        """The document of a commit."""
        from precedent.text.extract.commits import commit_document

        return commit_document(payload)


COMMIT = GitCommit()
