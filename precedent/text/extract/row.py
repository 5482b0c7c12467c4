"""From a raw item to the row of its document."""

import hashlib

from dateutil.parser import isoparse

from precedent.sources.records import Shape
from precedent.text.documents import DocumentRow, RawText
from precedent.text.extract.model import Comment


def document_row(item: RawText) -> DocumentRow:
    """Extract one raw item; its title falls back to its id, so that no document is without words."""
    # The extractors take a while to load: not before there is something to extract.
    from precedent.text.extract.document import extract

    comments = [
        Comment(
            said["external_id"],
            Shape(said["shape"]),
            said["payload"],
            isoparse(said["created_at"]) if said["created_at"] else None,
        )
        for said in item.said
    ]
    text = extract(item.kind, item.shape, item.payload, comments)
    title = text.title or item.external_id
    return DocumentRow(
        raw_item_id=item.raw_item_id,
        kind=item.kind.value,
        external_id=item.external_id,
        title=title,
        text=text.text,
        state=text.state,
        type=text.type,
        priority=text.priority,
        resolution=text.resolution,
        labels=list(text.labels),
        components=list(text.components),
        author=text.author,
        url=text.url,
        created_at=item.created_at,
        updated_at=item.updated_at,
        input_hash=item.input_hash,
        content_hash=hashlib.sha256(f"{title}\0{text.text}".encode()).digest(),
    )
