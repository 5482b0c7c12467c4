"""Documents in PostgreSQL: which are to be made anew, from what, and their rows."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from precedent.clock import TimeBounds
from precedent.errors import PrecedentError
from precedent.progress import slices
from precedent.text.extract.model import Comment, Extract

# Part of a document's identity: raise it when the same records would give other texts.
EXTRACTOR_VERSION = "4"
BATCH = 500
BATCH_BYTES = 8 << 20
PENDING = """
SELECT r.id FROM raw_items r
LEFT JOIN documents d ON d.raw_item_id = r.id
LEFT JOIN document_words w ON w.document_id = d.id
WHERE r.source_id = %(source)s AND r.kind NOT IN ('comment', 'deployment') AND r.deleted_at IS NULL
  AND (%(after)s::timestamptz IS NULL OR r.created_at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR r.created_at < %(before)s)
  AND (%(everything)s OR w.version IS DISTINCT FROM %(words)s
       OR d.input_hash IS DISTINCT FROM sha256(%(version)s::bytea || r.payload_hash))
ORDER BY r.id
"""
# The concatenation unpacks what is stored compressed: what counts is what extraction will hold.
SIZES = "SELECT id, pg_column_size(payload || '{}') FROM raw_items WHERE id = ANY(%s) ORDER BY id"
READ = """
SELECT r.id, r.kind, r.shape, r.external_id, r.payload, r.created_at, r.updated_at,
       sha256(%(version)s::bytea || r.payload_hash)
FROM raw_items r WHERE r.id = ANY(%(ids)s)
"""
REMOVE = """
DELETE FROM documents d USING raw_items r
WHERE d.source_id = %s AND r.id = d.raw_item_id AND r.deleted_at IS NOT NULL
"""
COLUMNS = (
    "raw_item_id, kind, external_id, title, text, state, type, priority, resolution, labels, components, author,"
    " url, created_at, updated_at, input_hash, content_hash"
)
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS staged_documents ON COMMIT DELETE ROWS AS
SELECT {COLUMNS} FROM documents WITH NO DATA;
TRUNCATE staged_documents
"""  # noqa: S608 - the interpolated text is a constant of this module
UPSERT = f"""
INSERT INTO documents (tenant_id, source_id, {COLUMNS})
SELECT %(tenant)s, %(source)s, {COLUMNS} FROM staged_documents
ON CONFLICT (raw_item_id) DO UPDATE SET
  kind = excluded.kind, external_id = excluded.external_id, title = excluded.title, text = excluded.text,
  state = excluded.state, type = excluded.type, priority = excluded.priority, resolution = excluded.resolution,
  labels = excluded.labels, components = excluded.components, author = excluded.author, url = excluded.url,
  created_at = excluded.created_at, updated_at = excluded.updated_at, input_hash = excluded.input_hash,
  content_hash = excluded.content_hash, extracted_at = now()
RETURNING (xmax = 0)
"""  # noqa: S608 - the interpolated text is a constant of this module
MANIFEST = """
SELECT (SELECT count(*) FROM documents WHERE source_id = %(source)s), encode(sha256(
  coalesce((SELECT string_agg(input_hash, ''::bytea ORDER BY raw_item_id) FROM documents WHERE source_id = %(source)s),
           ''::bytea)
  || coalesce((SELECT string_agg(input_hash, ''::bytea ORDER BY input_hash) FROM comments WHERE source_id = %(source)s),
              ''::bytea)), 'hex')
"""
FIND = """
SELECT d.id, d.source_id, i.name, d.kind, d.external_id, d.title, d.text, d.state
FROM documents d JOIN integrations i ON i.id = d.source_id
WHERE d.external_id = %(id)s AND i.name = coalesce(%(source)s, i.name) AND d.kind = coalesce(%(kind)s, d.kind)
ORDER BY i.name, d.kind
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the current tenant; `source` is the name of its source."""

    id: int
    source_id: int
    source: str
    kind: str
    external_id: str
    title: str
    text: str
    state: str | None


@dataclass(frozen=True, slots=True)
class RawText:
    """A raw item as an extractor needs it."""

    raw_item_id: int
    kind: str
    shape: str
    external_id: str
    payload: dict[str, Any]
    created_at: datetime | None
    updated_at: datetime | None
    input_hash: bytes


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One row of `documents`, and the comments that its record holds."""

    raw_item_id: int
    kind: str
    external_id: str
    title: str
    text: str
    state: str | None
    type: str | None
    priority: str | None
    resolution: str | None
    labels: list[str]
    components: list[str]
    author: str | None
    url: str | None
    created_at: datetime | None
    updated_at: datetime | None
    input_hash: bytes
    content_hash: bytes
    comments: tuple[Comment, ...] = ()

    def values(self) -> tuple[object, ...]:
        """The fields in the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__ if name != "comments")


def document_row(item: RawText, extract: Extract) -> DocumentRow:
    """The document of a raw item; its title falls back to its id, so that no document is without words."""
    found = extract(item.shape, item.payload)
    title = found.title or item.external_id
    return DocumentRow(
        raw_item_id=item.raw_item_id,
        kind=item.kind,
        external_id=item.external_id,
        title=title,
        text=found.text,
        state=found.state,
        type=found.type,
        priority=found.priority,
        resolution=found.resolution,
        labels=list(found.labels),
        components=list(found.components),
        author=found.author,
        url=found.url,
        created_at=item.created_at,
        updated_at=item.updated_at,
        input_hash=item.input_hash,
        content_hash=hashlib.sha256(f"{title}\0{found.text}".encode()).digest(),
        comments=found.comments,
    )


def document_rows(
    items: Iterable[RawText], extract: Extract
) -> tuple[list[DocumentRow], list[tuple[RawText, Exception]]]:
    """The documents of raw items, and the items of which none could be made, each with its error.

    Raises:
        UsageError: no usable kind has such records any more.
    """
    rows: list[DocumentRow] = []
    failed: list[tuple[RawText, Exception]] = []
    for item in items:
        try:
            rows.append(document_row(item, extract))
        except PrecedentError:
            raise
        except Exception as error:  # whatever an extractor does with a payload that it did not expect
            failed.append((item, error))
    return rows, failed


def batches(connection: "psycopg.Connection[Any]", ids: Sequence[int]) -> Iterator[list[int]]:
    """The ids in parts that extraction can hold in memory: at most `BATCH` items and `BATCH_BYTES` of payloads."""
    for part in slices(ids, BATCH):
        batch: list[int] = []
        total = 0
        for number, size in connection.execute(SIZES, (list(part),)).fetchall():
            if batch and total + size > BATCH_BYTES:
                yield batch
                batch, total = [], 0
            batch.append(number)
            total += size
        yield batch


def pending(
    connection: "psycopg.Connection[Any]",
    source_id: int,
    version: str,
    words_version: int,
    bounds: TimeBounds,
    *,
    everything: bool,
) -> list[int]:
    """Ids of raw items whose document or its words are missing or were made from something else.

    Args:
        connection: Bound to the source's tenant.
        source_id: The source.
        version: Of the extractor.
        words_version: Of the words that search finds a document by.
        bounds: Only items created within.
        everything: Also those that are up to date.
    """
    rows = connection.execute(
        PENDING,
        {
            "source": source_id,
            "version": version.encode(),
            "after": bounds.after,
            "before": bounds.before,
            "everything": everything,
            "words": words_version,
        },
    )
    return [row[0] for row in rows]


def read(connection: "psycopg.Connection[Any]", ids: Sequence[int], version: str) -> Iterable[RawText]:
    """The raw items with these ids."""
    for row in connection.execute(READ, {"ids": list(ids), "version": version.encode()}):
        yield RawText(*row)


def write(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, rows: Iterable[DocumentRow]
) -> tuple[int, int]:
    """Upsert documents; returns how many were added and how many changed."""
    connection.execute(STAGE)
    with connection.cursor().copy(f"COPY staged_documents ({COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row.values())
    flags = connection.execute(UPSERT, {"tenant": tenant_id, "source": source_id}).fetchall()
    added = sum(flag for (flag,) in flags)
    return added, len(flags) - added


def remove_deleted(connection: "psycopg.Connection[Any]", source_id: int) -> int:
    """Remove the documents of tombstoned items, chunks with them; returns how many."""
    return connection.execute(REMOVE, (source_id,)).rowcount


def manifest(connection: "psycopg.Connection[Any]", source_id: int) -> tuple[int, str]:
    """Rows and digest of a source's documents."""
    row = connection.execute(MANIFEST, {"source": source_id}).fetchone()
    return (row[0], row[1]) if row else (0, "")


def find(
    connection: "psycopg.Connection[Any]", external_id: str, *, source: str | None = None, kind: str | None = None
) -> list[Document]:
    """The documents of this external id, of one source or kind where they are named."""
    rows = connection.execute(FIND, {"id": external_id, "source": source, "kind": kind})
    return [Document(*row) for row in rows]
