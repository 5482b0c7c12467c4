"""From a raw record to a clean document."""

from collections.abc import Sequence
from typing import Any, assert_never

from precedent.sources.records import RawKind, Shape
from precedent.text.extract import github, jira
from precedent.text.extract.comments import comment_text
from precedent.text.extract.commits import commit_document, github_commit_document
from precedent.text.extract.incidents import incident_document
from precedent.text.extract.mapped import mapped_document
from precedent.text.extract.markup import clean_text
from precedent.text.extract.model import Comment, Document
from precedent.text.extract.releases import release_document
from precedent.text.extract.version import EXTRACTOR_VERSION

__all__ = ["EXTRACTOR_VERSION", "Comment", "Document", "extract"]


def extract(kind: RawKind, shape: Shape, payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """Read one record; whatever a payload lacks is left out of the document.

    Jira issues carry their comments in the payload, for the others pass them. A record without a title has
    the title ""; without any words its text is "" too.
    """
    match shape:
        case Shape.GITHUB_ISSUE if kind is RawKind.PULL_REQUEST:
            # The stub of a pull request in the list of issues.
            return github.pull_document(payload, comments)
        case Shape.GITHUB_ISSUE:
            return github.issue_document(payload, comments)
        case Shape.GITHUB_PULL:
            return github.pull_document(payload, comments)
        case Shape.JIRA_ISSUE:
            return jira.issue_document(payload, list(comments))
        case Shape.GIT_COMMIT:
            return commit_document(payload)
        case Shape.GITHUB_COMMIT:
            return github_commit_document(payload)
        case Shape.GITHUB_RELEASE:
            return release_document(payload)
        case Shape.GITHUB_DEPLOYMENT:
            return Document(title="", text=clean_text(payload.get("description")))
        case Shape.STATUSPAGE_INCIDENT:
            return incident_document(payload)
        case Shape.MAPPED:
            return mapped_document(kind, payload, comments)
        case Shape.GITHUB_COMMENT | Shape.GITHUB_REVIEW | Shape.GITHUB_REVIEW_COMMENT:
            return Document(title="", text=comment_text(Comment("", shape, payload, None)))
        case _:
            assert_never(shape)
