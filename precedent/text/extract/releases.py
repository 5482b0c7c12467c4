"""Releases in the shape of GitHub's REST interface."""

from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Document


def release_document(payload: dict[str, Any]) -> Document:
    """A release: its notes, its tag and what it was made from; an unnamed one is called by its tag."""
    tag = fields.string(payload.get("tag_name"))
    title = fields.string(payload.get("name")) or tag
    state = _state(payload)
    target = fields.string(payload.get("target_commitish"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(release=tag, state=state if state in {"draft", "prerelease"} else None, made_from=target),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type="release" if tag else None,
        author=fields.string(fields.member(payload, "author", "login")) or None,
        url=fields.string(payload.get("html_url")) or fields.string(payload.get("url")) or None,
    )


def _state(payload: dict[str, Any]) -> str | None:
    if payload.get("draft") is True:
        return "draft"
    if payload.get("prerelease") is True:
        return "prerelease"
    return "published" if fields.moment(payload.get("published_at")) else None
