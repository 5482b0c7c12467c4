"""Records of other systems, whose fields a mapping in the settings has named."""

from collections.abc import Sequence
from typing import Any

from precedent.sources.records import RawKind
from precedent.text.extract import fields
from precedent.text.extract.comments import last_comments, last_reviews
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.incidents import shortened
from precedent.text.extract.markup import clean_text
from precedent.text.extract.model import Comment, Document


def mapped_document(kind: RawKind, payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """A mapped record: title, body in whatever markup it has, the facts, and what was said on it."""
    found = fields.member(payload, "mapped")
    mapped: dict[str, Any] = found if isinstance(found, dict) else {}
    title = fields.string(mapped.get("title"))
    state = fields.state_name(mapped.get("state"))
    type_name = fields.name(mapped.get("type"))
    priority = fields.name(mapped.get("priority"))
    impact = fields.name(mapped.get("impact"))
    labels = fields.names(mapped.get("labels"))
    components = fields.names(mapped.get("components"))
    resolution = fields.name(mapped.get("resolution"))
    said = last_reviews(comments) if kind is RawKind.PULL_REQUEST else last_comments(comments)
    known = facts(impact=impact, type=type_name, priority=priority, state=state, labels=labels, components=components)
    return Document(
        title=title,
        text=compose(title, [clean_text(mapped.get("body")), known, *said]),
        state=state,
        type=type_name,
        priority=priority or impact,
        resolution=shortened(resolution) if resolution else None,
        labels=labels,
        components=components,
        author=fields.name(mapped.get("author")),
        url=fields.string(mapped.get("url")) or None,
    )
