"""What the model said to the texts that reports embed again, by content and space: only new ones are paid for."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

READ = """
SELECT content_hash, answer, canary_at IS NOT NULL FROM quality_answers
WHERE source_id = %s AND space_id = %s AND made_by = %s ORDER BY canary_at DESC NULLS LAST, content_hash
"""
# Of the spaces that are left only the one that is measured is measured again.
REMOVE = "DELETE FROM quality_answers WHERE source_id = %s AND (space_id <> %s OR content_hash <> ALL(%s))"
SAVE = """
INSERT INTO quality_answers (source_id, space_id, tenant_id, content_hash, made_by, answer, canary_at)
VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s THEN now() END)
ON CONFLICT (source_id, space_id, content_hash) DO UPDATE SET
  made_by = excluded.made_by, answer = excluded.answer,
  canary_at = coalesce(excluded.canary_at, quality_answers.canary_at)
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """Vectors by the hash of their text, shape (dimensions,); `canaries` are passages, the latest asked first."""

    vectors: Mapping[bytes, NDArray[np.float32]] = field(default_factory=dict)
    canaries: Sequence[bytes] = ()


def content_hash(text: str) -> bytes:
    """The hash by which a text is known; of a passage the same as its vector's."""
    return hashlib.sha256(text.encode()).digest()


def read(connection: "psycopg.Connection[Any]", source_id: int, space_id: int, made_by: str) -> Answers:
    """What this model said for the last report on a source in a space."""
    vectors, canaries = {}, []
    for digest, answer, canary in connection.execute(READ, (source_id, space_id, made_by)):
        vectors[bytes(digest)] = np.frombuffer(answer, dtype=np.float16).astype(np.float32)
        if canary:
            canaries.append(bytes(digest))
    return Answers(vectors, canaries)


def save(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    space_id: int,
    made_by: str,
    *,
    used: Sequence[bytes],
    fresh: Mapping[bytes, NDArray[np.float32]],
    canaries: Sequence[bytes],
) -> None:
    """Keep what a report used of what was known, and what was asked for it.

    Args:
        connection: Bound to the tenant.
        tenant_id: Whose.
        source_id: Of what was measured.
        space_id: Of the vectors.
        made_by: The configured model.
        used: Hashes of all texts of the report; answers to others go.
        fresh: The vectors that were asked for, by the hash of their text.
        canaries: Those of them that are canaries.
    """
    connection.execute(REMOVE, (source_id, space_id, list(used)))
    asked = set(canaries)
    rows = [
        (source_id, space_id, tenant_id, digest, made_by, vector.astype(np.float16).tobytes(), digest in asked)
        for digest, vector in fresh.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(SAVE, rows)
