"""Documents written straight to the store, many at once and of any words."""

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from precedent.search.words import save_words
from precedent.text import documents
from precedent.text.documents import DocumentRow

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def source(connection: "psycopg.Connection[Any]", tenant_id: int, name: str = "records") -> int:
    """A source without a reader."""
    row = connection.execute(
        "INSERT INTO integrations (tenant_id, type, name, provider) VALUES (%s, 'data_source', %s, 'archive') "
        "ON CONFLICT (tenant_id, type, name) DO UPDATE SET name = excluded.name RETURNING id",
        (tenant_id, name),
    ).fetchone()
    assert row
    return int(row[0])


def write(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    texts: Sequence[tuple[str, str]],
    first: int = 0,
    **facts: Any,
) -> list[str]:
    """Documents of these titles and texts, a day apart; one that is there is changed. Returns their ids."""
    names = [f"doc-{first + place}" for place in range(len(texts))]
    rows = []
    for place, (name, (title, text)) in enumerate(zip(names, texts, strict=True)):
        moment = FIRST_DAY + timedelta(days=first + place)
        raw = connection.execute(
            "INSERT INTO raw_items (tenant_id, source_id, kind, shape, external_id, payload, payload_hash) "
            "VALUES (%s, %s, 'issue', 'github_issue', %s, '{}', ''::bytea) "
            "ON CONFLICT (source_id, kind, external_id) DO UPDATE SET payload = excluded.payload RETURNING id",
            (tenant_id, source_id, name),
        ).fetchone()
        assert raw
        row = {
            "raw_item_id": raw[0],
            "kind": "issue",
            "external_id": name,
            "title": title,
            "text": text,
            "state": "open",
            "type": None,
            "priority": None,
            "resolution": None,
            "labels": [],
            "components": [],
            "author": "mira",
            "url": None,
            "created_at": moment,
            "updated_at": moment,
            "input_hash": b"",
            "content_hash": hashlib.sha256(f"{title}\0{text}".encode()).digest(),
            **facts,
        }
        rows.append(DocumentRow(**row))
    documents.write(connection, tenant_id, source_id, rows)
    save_words(connection, tenant_id, rows)
    return names


def random_texts(number: int, seed: int = 1) -> list[tuple[str, str]]:
    """Titles and texts of words that are few and frequent or many and rare, as words are."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    words = [f"{first}{second}{third}" for first in "bdfgklmn" for second in "aiou" for third in "rstxz"]
    weights = [1 / (place + 1) for place in range(len(words))]

    def some(count: int) -> str:
        return " ".join(chance.choices(words, weights, k=count))

    return [(some(chance.randrange(1, 8)), some(int(chance.paretovariate(0.7) * 5) % 400)) for _ in range(number)]
