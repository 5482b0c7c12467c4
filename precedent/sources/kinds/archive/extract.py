"""Documents of records of other systems, whose fields a mapping has named."""

from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts, shortened
from precedent.text.extract.markup import clean_text
from precedent.text.extract.model import Document


def mapped_document(payload: dict[str, Any]) -> Document:
    """A mapped record: title, body in whatever markup it has, and the facts."""
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
        text=compose(title, [clean_text(mapped.get("body")), known]),
        state=state,
        type=type_name,
        priority=priority or impact,
        resolution=shortened(resolution) if resolution else None,
        labels=labels,
        components=components,
        author=fields.name(mapped.get("author")),
        url=fields.string(mapped.get("url")) or None,
    )
