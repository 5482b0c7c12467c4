"""Old rows planted in the platform's tables, and what is in them afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg

from orchestration.maintenance import run as maintenance
from orchestration.maintenance.contract import Place, Report
from precedent.database.session import Database
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from tests.integration.search import corpora

TABLES = (
    "raw_items",
    "documents",
    "document_words",
    "chunks",
    "document_cuts",
    "embedding_spaces",
    "embeddings",
    "embedding_cache",
    "embedding_failures",
    "quality_reports",
    "usage_records",
    "rejected_records",
    "analysis_runs",
)
PROFILE = spaces.SpaceProfile("local", "model", "1", 3, "float32", "none", "model/256")

Owner = psycopg.Connection[Any]


def run(part: str, place: Place, *, days: int | None = None, dry_run: bool = False) -> Report:
    return maintenance.run(maintenance.PARTS[part], place, days=days, dry_run=dry_run, log=lambda _: None)


def counts(owner: Owner, tenant_id: int) -> dict[str, int]:
    query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name} WHERE tenant_id = %(id)s" for name in TABLES)
    return dict(owner.execute(query, {"id": tenant_id}).fetchall())


def documents(database: Database, owner: Owner, tenant_id: int, number: int = 4) -> list[int]:
    """Documents with a passage and a vector each; the ids of their raw items."""
    with database.bulk(tenant_id) as connection:
        source_id = corpora.source(connection, tenant_id)
        corpora.write(connection, tenant_id, source_id, [(f"title {n}", f"text {n}") for n in range(number)])
        connection.execute(
            "INSERT INTO chunks (document_id, ordinal, text, tokens, content_hash, cut, source_id, tenant_id) "
            "SELECT id, 0, text, 2, content_hash, 'model/256', source_id, tenant_id FROM documents"
        )
        hashes = [bytes(row[0]) for row in connection.execute("SELECT content_hash FROM documents ORDER BY id")]
        space = spaces.ensure(connection, tenant_id, PROFILE)
        embeddings.save(connection, tenant_id, space.id, hashes, np.eye(number, 3, dtype=np.float32) + 1)
    rows = owner.execute("SELECT id FROM raw_items WHERE tenant_id = %s ORDER BY id", (tenant_id,)).fetchall()
    return [row[0] for row in rows]


def tombstone(owner: Owner, items: list[int], days: int) -> None:
    owner.execute(
        "UPDATE raw_items SET deleted_at = now() - make_interval(days => %s) WHERE id = ANY(%s)", (days, items)
    )


def bare_tombstones(owner: Owner, database: Database, tenant_id: int, number: int) -> None:
    with database.bulk(tenant_id) as connection:
        source_id = corpora.source(connection, tenant_id, "gone")
    owner.execute(
        "INSERT INTO raw_items (tenant_id, source_id, kind, shape, external_id, payload, payload_hash, deleted_at) "
        "SELECT %s, %s, 'commit', 'git', n, '{}', '', now() - interval '100 days' FROM generate_series(1, %s) n",
        (tenant_id, source_id, number),
    )


@contextmanager
def deletion_trigger(owner: Owner, body: str, each: str = "STATEMENT") -> Iterator[None]:
    """Something that happens at every deletion of raw items, until the end."""
    owner.execute(f"CREATE FUNCTION at_deletion() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    owner.execute(
        f"CREATE TRIGGER at_deletion BEFORE DELETE ON raw_items FOR EACH {each} EXECUTE FUNCTION at_deletion()"
    )
    try:
        yield
    finally:
        owner.execute("DROP FUNCTION at_deletion() CASCADE")
