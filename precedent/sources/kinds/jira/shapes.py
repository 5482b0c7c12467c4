"""The shape of Jira's issues."""

from typing import Any

from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text
from precedent.text.extract.model import Document


class JiraIssue:
    """An issue of Cloud, Server or Data Center, with its comments in it."""

    name = "jira_issue"

    def recognise(self, payload: dict[str, Any]) -> bool:
        """True if it has fields and a key."""
        return "fields" in payload and ("key" in payload or "id" in payload)

    def record(self, payload: dict[str, Any]) -> RawRecord:
        """The record of an issue, whose id is its key."""
        fields = payload.get("fields")
        if not isinstance(fields, dict):
            raise UnreadableError("wrong_type", f"Field fields is a {type(fields).__name__}, not an object.")
        text(fields, "summary")
        for name in ("labels", "components"):
            listing(fields, name)
        # Server sends wiki markup, Cloud a document.
        if not isinstance(fields.get("description"), str | dict | None):
            raise UnreadableError("wrong_type", "Field description is neither text nor a document.")
        return RawRecord(
            kind=RawKind.ISSUE,
            shape=self.name,
            external_id=identifier(payload, "key"),
            payload=payload,
            created_at=moment(fields.get("created"), "created"),
            updated_at=moment(fields.get("updated"), "updated"),
            completeness=1,
        )

    def extract(self, payload: dict[str, Any]) -> Document:
        """The document of an issue."""
        from precedent.sources.kinds.jira.extract import issue_document

        return issue_document(payload)


ISSUE = JiraIssue()
