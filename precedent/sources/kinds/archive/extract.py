"""Documents of records of other systems, whose fields a mapping has named."""

from collections.abc import Sequence
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.comments import last_comments
from precedent.text.extract.composition import compose, facts, shortened
from precedent.text.extract.markup import clean_text
from precedent.text.extract.model import Comment, Document


def mapped_document(payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
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
    known = facts(impact=impact, type=type_name, priority=priority, state=state, labels=labels, components=components)
    return Document(
        title=title,
        text=compose(title, [clean_text(mapped.get("body")), known, *last_comments(comments, _words)]),
        state=state,
        type=type_name,
        priority=priority or impact,
        resolution=shortened(resolution) if resolution else None,
        labels=labels,
        components=components,
        author=fields.name(mapped.get("author")),
        url=fields.string(mapped.get("url")) or None,
    )


def _words(comment: Comment) -> str:
    text = clean_text(fields.member(comment.payload, "mapped", "body"), quotes=False)
    return f"Comment: {text}" if text else ""
