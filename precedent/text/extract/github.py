"""Issues and pull requests in the shape of GitHub's REST interface."""

from collections.abc import Sequence
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.comments import last_comments, last_reviews
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Comment, Document


def issue_document(payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """An issue: what it says, the facts, and the last three comments."""
    title = fields.string(payload.get("title"))
    state = fields.state_name(payload.get("state"))
    labels = fields.names(payload.get("labels"))
    kind = fields.name(payload.get("type"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(type=kind, state=state, labels=labels),
        *last_comments(comments),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type=kind,
        resolution=fields.state_name(payload.get("state_reason")) if state == "closed" else None,
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def pull_document(payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """A pull request: what it says, how it ended, and the last two reviews or review comments."""
    title = fields.string(payload.get("title"))
    merged = payload.get("merged") is True or fields.moment(_merged_at(payload)) is not None
    state = "merged" if merged else fields.state_name(payload.get("state"))
    labels = fields.names(payload.get("labels"))
    draft = "yes" if payload.get("draft") is True else None
    base = fields.string(fields.member(payload, "base", "ref"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(
            state="closed without merging" if state == "closed" else state,
            merged_into=base if merged else None,
            draft=draft,
            labels=labels,
        ),
        *last_reviews(comments),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        resolution="merged" if merged else "not merged" if state == "closed" else None,
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def _merged_at(payload: dict[str, Any]) -> object:
    # The list of issues shows a pull request as a stub with its merge in `pull_request`.
    return payload.get("merged_at") or fields.member(payload, "pull_request", "merged_at")


def _author(payload: dict[str, Any]) -> str | None:
    return fields.string(fields.member(payload, "user", "login")) or None


def _url(payload: dict[str, Any]) -> str | None:
    return fields.string(payload.get("html_url")) or fields.string(payload.get("url")) or None
