"""Comparing a store with PostgreSQL: counts, ids, vectors, and whether a search finds what an exact one does."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.database.session import Database
from precedent.qdrant.client import TenantCollection
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from precedent.vector_stores import points, store_spaces
from precedent.vector_stores.connection import open_server
from precedent.vector_stores.repository import StoreRow
from precedent.vector_stores.store_spaces import StoreSpace
from precedent.vectors import space as spaces
from precedent.vectors.repository import halves

SAMPLED_QUERIES = 20
NEIGHBOURS = 10
LEAST_RECALL = 0.95
# A neighbour this close to the last right one is as good: halves of like vectors differ by less.
TIE = 1e-3
SAMPLED_VECTORS = 200
LEAST_COSINE = 0.999

QUERIES = """
SELECT content_hash, embedding FROM embeddings WHERE space_id = %(space)s ORDER BY random() LIMIT %(limit)s
"""
# The sum keeps an approximate index out of it.
EXACT = """
SELECT e.content_hash, 1 - (e.embedding <=> q.embedding) FROM embeddings e,
  (SELECT embedding FROM embeddings WHERE space_id = %(space)s AND content_hash = %(hash)s) q
WHERE e.space_id = %(space)s ORDER BY (e.embedding <=> q.embedding) + 0 LIMIT %(limit)s
"""
OF_SOURCE = """
FROM (SELECT DISTINCT content_hash FROM chunks WHERE source_id = %(source)s) c
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
"""
IDS = f"""
SELECT
  (SELECT count(*) {OF_SOURCE}),
  (SELECT count(*) {OF_SOURCE} JOIN staged_points p ON p.content_hash = e.content_hash),
  (SELECT count(*) FROM staged_points p WHERE NOT EXISTS (
     SELECT FROM embeddings e WHERE e.space_id = %(space)s AND e.content_hash = p.content_hash))
"""  # noqa: S608 - the interpolated text is a constant of this module
SAMPLE = f"SELECT e.content_hash, e.embedding {OF_SOURCE} ORDER BY random() LIMIT %(limit)s"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A source's vectors in PostgreSQL beside the points of its tenant in a store.

    Attributes:
        vectors: The source's in PostgreSQL.
        points: Of those, in the store.
        extra: Points of the tenant without a vector in PostgreSQL, whichever source they were from.
        misplaced: Points whose id is not the one of their text.
        sampled: Vectors that were compared.
        differing: Of those, with a cosine below LEAST_COSINE.
        lowest: The lowest cosine, or None where nothing was compared.
    """

    vectors: int
    points: int
    extra: int
    misplaced: int
    sampled: int
    differing: int
    lowest: float | None

    @property
    def differences(self) -> list[str]:
        """What differs, in words; empty where nothing does."""
        found = []
        if self.points < self.vectors:
            found.append(f"{self.vectors - self.points:,} of {self.vectors:,} vectors are not in the store")
        if self.extra:
            found.append(f"{self.extra:,} points have no vector in PostgreSQL")
        if self.misplaced:
            found.append(f"{self.misplaced:,} points have another id than their text")
        if self.differing:
            found.append(
                f"{self.differing:,} of {self.sampled:,} compared vectors differ (lowest cosine {self.lowest:.4f})"
            )
        return found


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """A source's comparison in the active space, and why search does not ask the store for it; None where it does."""

    comparison: Comparison
    reason: str | None


def compare_source(database: Database, settings: Settings, store: StoreRow, source: SourceRow) -> SourceComparison:
    """Compare a source's vectors in the active space with those of a store.

    Raises:
        NotFoundError: nothing is embedded.
        StoreError: the store does not answer, or does not have the space.
    """
    with database.bulk(store.tenant_id) as connection, closing(open_server(database, settings, store)) as server:
        space = spaces.active(connection)
        state = store_spaces.get(connection, store.id, space.id)
        collection = server.part(server.name_of(space, store.isolation), space.id)
        found = compare(connection, collection, StoreSpace(store.id, space.id, store.tenant_id), source.id)
    if state is None:
        return SourceComparison(found, "it never had the space")
    return SourceComparison(found, None if state.ready else state.reason or "it is not whole")


def compare(
    connection: "psycopg.Connection[Any]", collection: TenantCollection, this: StoreSpace, source_id: int
) -> Comparison:
    """Compare ids in both directions, and a sample of the vectors.

    Raises:
        StoreError: the store does not answer.
    """
    misplaced = 0
    connection.execute(points.STAGE)
    with connection.cursor().copy("COPY staged_points (content_hash) FROM STDIN") as copy:
        for page in collection.scroll():
            right = collection.ids([digest for _, digest in page])
            for (own, digest), expected in zip(page, right, strict=True):
                misplaced += own != expected
                copy.write_row((digest,))
    values = this.values(source=source_id, limit=SAMPLED_VECTORS)
    connection.execute(points.BY_HASH)
    row = connection.execute(IDS, values).fetchone()
    vectors, present, extra = row or (0, 0, 0)
    sample = connection.cursor(binary=True).execute(SAMPLE, values).fetchall()
    connection.commit()
    cosines = _cosines(collection, sample)
    differing = int((cosines < LEAST_COSINE).sum())
    lowest = float(cosines.min()) if cosines.size else None
    return Comparison(vectors, present, extra, misplaced, cosines.size, differing, lowest)


def obstacle(
    collection: TenantCollection, connection: "psycopg.Connection[Any]", this: StoreSpace
) -> tuple[str | None, float | None]:
    """Why search may not ask the store for a space yet, or None; and the recall where it was measured."""
    lacking = points.count_lacking(connection, this)
    if lacking:
        return f"{lacking:,} of the tenant's vectors are not there yet: refresh all its sources", None
    expected, found = points.count(connection, this), collection.count()
    if found != expected:
        return f"it holds {found:,} points for {expected:,} vectors", None
    measured = recall(connection, collection, this)
    if measured is not None and measured < LEAST_RECALL:
        return (
            f"it finds {measured:.0%} of the nearest neighbours of a sample, {LEAST_RECALL:.0%} are asked for",
            measured,
        )
    return None, measured


def recall(connection: "psycopg.Connection[Any]", collection: TenantCollection, this: StoreSpace) -> float | None:
    """Share of the exact nearest neighbours that the store finds, for a sample of its own vectors; None without any."""
    queries = connection.cursor(binary=True).execute(QUERIES, this.values(limit=SAMPLED_QUERIES)).fetchall()
    found = wanted = 0
    for digest, raw in queries:
        exact = connection.execute(EXACT, this.values(hash=bytes(digest), limit=NEIGHBOURS)).fetchall()
        right, last = {bytes(row[0]) for row in exact}, float(exact[-1][1])
        hits = collection.search(halves([bytes(raw)])[0], len(exact), attempts=3)
        found += sum(hit in right or similarity >= last - TIE for hit, similarity in hits)
        wanted += len(exact)
    connection.commit()
    return found / wanted if wanted else None


def _cosines(collection: TenantCollection, sample: Sequence[tuple[Any, Any]]) -> NDArray[np.float32]:
    """Of the sampled vectors that the store has, shape (n,); those it lacks are counted elsewhere."""
    stored = collection.vectors([bytes(digest) for digest, _ in sample]) if sample else {}
    pairs = [(halves([bytes(raw)])[0], stored[bytes(digest)]) for digest, raw in sample if bytes(digest) in stored]
    if not pairs:
        return np.empty(0, dtype=np.float32)
    ours, theirs = (np.stack(side) for side in zip(*pairs, strict=True))
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return np.asarray((ours * theirs).sum(axis=1) / np.maximum(norms, 1e-12), dtype=np.float32)
