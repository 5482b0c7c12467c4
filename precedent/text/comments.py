"""Comments in PostgreSQL: those that are records of their own, and those that stand in the payload of their item."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from precedent.errors import PrecedentError
from precedent.text.documents import DocumentRow
from precedent.text.extract.model import Comment, Extract

# The item that a comment `c` is on. Two kinds of items may have one id: the comment is of the first.
ITEM = """
JOIN LATERAL (SELECT d.id, d.raw_item_id FROM documents d
              WHERE d.source_id = c.source_id AND d.kind IN ('issue', 'pull_request') AND d.external_id = c.parent_id
              ORDER BY d.id LIMIT 1) d ON true
"""
PENDING = f"""
SELECT c.id FROM raw_items c {ITEM} LEFT JOIN comments m ON m.raw_item_id = c.id
WHERE c.source_id = %(source)s AND c.kind = 'comment' AND c.deleted_at IS NULL
  AND (%(everything)s OR m.document_id IS DISTINCT FROM d.id
       OR m.input_hash IS DISTINCT FROM sha256(%(version)s::bytea || c.payload_hash))
ORDER BY c.id
"""  # noqa: S608 - the interpolated text is a constant of this module
READ = f"""
SELECT c.id, d.raw_item_id, c.shape, c.external_id, c.payload, c.created_at,
       sha256(%(version)s::bytea || c.payload_hash)
FROM raw_items c {ITEM} WHERE c.id = ANY(%(ids)s)
"""  # noqa: S608 - the interpolated text is a constant of this module
REMOVE = """
DELETE FROM comments m USING raw_items r
WHERE m.source_id = %s AND r.id = m.raw_item_id AND r.deleted_at IS NOT NULL
"""
COLUMNS = "raw_item_id, external_id, text, author, url, created_at, input_hash, content_hash"
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_comments (
  item_id bigint, raw_item_id bigint, external_id text, text text, author text, url text, created_at timestamptz,
  input_hash bytea, content_hash bytea
) ON COMMIT DELETE ROWS;
TRUNCATE staged_comments
"""
INSERT = f"""
INSERT INTO comments (document_id, source_id, tenant_id, {COLUMNS})
SELECT d.id, d.source_id, d.tenant_id, {", ".join("s." + name for name in COLUMNS.split(", "))}
FROM staged_comments s JOIN documents d ON d.raw_item_id = s.item_id
"""  # noqa: S608 - the interpolated text is a constant of this module
SAVED = "RETURNING id, document_id, text, created_at"
UPSERT = f"""{INSERT}
ON CONFLICT (raw_item_id) DO UPDATE SET
  document_id = excluded.document_id, external_id = excluded.external_id, text = excluded.text,
  author = excluded.author, url = excluded.url, created_at = excluded.created_at, input_hash = excluded.input_hash,
  content_hash = excluded.content_hash
{SAVED}
"""
# Of comments in payloads those that are as they were keep their rows, and with them passages and words.
REMOVE_CHANGED = """
DELETE FROM comments m USING documents d
WHERE d.raw_item_id = ANY(%s) AND m.document_id = d.id AND m.raw_item_id IS NULL AND NOT EXISTS (
  SELECT FROM staged_comments s
  WHERE s.item_id = d.raw_item_id AND s.external_id = m.external_id AND s.input_hash = m.input_hash)
"""
INSERT_CHANGED = f"""{INSERT}
WHERE NOT EXISTS (SELECT FROM comments m
  WHERE m.document_id = d.id AND m.external_id = s.external_id AND m.input_hash = s.input_hash)
{SAVED}
"""


@dataclass(frozen=True, slots=True)
class RawComment:
    """A comment that is a record of its own, as an extractor needs it; `item_id` is the raw item that it is on."""

    raw_item_id: int
    item_id: int
    shape: str
    external_id: str
    payload: dict[str, Any]
    created_at: datetime | None
    input_hash: bytes


@dataclass(frozen=True, slots=True)
class CommentRow:
    """A comment to be stored; `raw_item_id` is None where it stands in the payload of its item."""

    item_id: int
    raw_item_id: int | None
    external_id: str
    text: str
    author: str | None
    url: str | None
    created_at: datetime | None
    input_hash: bytes
    content_hash: bytes

    def values(self) -> tuple[object, ...]:
        """The fields in their order, which is that of the staged table."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class SavedComment:
    """A comment that was stored just now, so that its words are to be indexed; without a text it has none."""

    id: int
    document_id: int
    text: str
    created_at: datetime | None


def pending(connection: "psycopg.Connection[Any]", source_id: int, version: str, *, everything: bool) -> list[int]:
    """Ids of the raw items that are comments on documents, and are not stored or were made from something else.

    Args:
        connection: Bound to the source's tenant.
        source_id: The source.
        version: Of extraction and words.
        everything: Also those that are up to date.
    """
    values = {"source": source_id, "version": version.encode(), "everything": everything}
    return [row[0] for row in connection.execute(PENDING, values)]


def read(connection: "psycopg.Connection[Any]", ids: Sequence[int], version: str) -> Iterable[RawComment]:
    """The comments with these raw items."""
    return (RawComment(*row) for row in connection.execute(READ, {"ids": list(ids), "version": version.encode()}))


def comment_rows(
    items: Iterable[RawComment], extract: Extract
) -> tuple[list[CommentRow], list[tuple[RawComment, Exception]]]:
    """The rows of comments, and the comments of which none could be made, each with its error.

    Raises:
        UsageError: no usable kind has such records any more.
    """
    rows: list[CommentRow] = []
    failed: list[tuple[RawComment, Exception]] = []
    for item in items:
        try:
            found = extract(item.shape, item.payload)
        except PrecedentError:
            raise
        except Exception as error:  # whatever an extractor does with a payload that it did not expect
            failed.append((item, error))
            continue
        said = Comment(item.external_id, found.text, found.author, found.url, item.created_at)
        rows.append(_row(said, item.item_id, item.raw_item_id, item.input_hash))
    return rows, failed


def save(connection: "psycopg.Connection[Any]", rows: Iterable[CommentRow]) -> list[SavedComment]:
    """Upsert comments that are records of their own."""
    _stage(connection, rows)
    return [SavedComment(*row) for row in connection.execute(UPSERT)]


def save_carried(
    connection: "psycopg.Connection[Any]", documents: Sequence[DocumentRow], version: str
) -> list[SavedComment]:
    """Bring the comments that documents carry to what their payloads hold; returns those that are new or changed.

    Args:
        connection: A transaction in which the documents were saved.
        documents: With all their comments.
        version: Of extraction and words.
    """
    rows = [
        _row(said, document.raw_item_id, None, hashlib.sha256(f"{version}\0{said!r}".encode()).digest())
        for document in documents
        # An id that stands twice in a payload is one comment.
        for said in {said.external_id: said for said in document.comments}.values()
    ]
    _stage(connection, rows)
    connection.execute(REMOVE_CHANGED, ([document.raw_item_id for document in documents],))
    return [SavedComment(*row) for row in connection.execute(INSERT_CHANGED)] if rows else []


def remove_deleted(connection: "psycopg.Connection[Any]", source_id: int) -> int:
    """Remove the comments whose records are tombstoned, their passages and words with them; returns how many."""
    return connection.execute(REMOVE, (source_id,)).rowcount


def _row(said: Comment, item_id: int, raw_item_id: int | None, input_hash: bytes) -> CommentRow:
    return CommentRow(
        item_id=item_id,
        raw_item_id=raw_item_id,
        external_id=said.external_id,
        text=said.text,
        author=said.author,
        url=said.url,
        created_at=said.created_at,
        input_hash=input_hash,
        content_hash=hashlib.sha256(said.text.encode()).digest(),
    )


def _stage(connection: "psycopg.Connection[Any]", rows: Iterable[CommentRow]) -> None:
    connection.execute(STAGE)
    with connection.cursor().copy(f"COPY staged_comments (item_id, {COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row.values())
