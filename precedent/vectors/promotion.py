"""Which space search uses: promoted when it is whole and judged good, rolled back, retired; each in one transaction."""

from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.errors import UsageError
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

# Documents that are not cut for it yet count as missing, as do passages without a vector.
READINESS = """
SELECT
  (SELECT count(*) FROM documents d WHERE NOT EXISTS (
       SELECT FROM document_cuts k WHERE k.document_id = d.id AND k.cut = %(cut)s)
     OR EXISTS (SELECT FROM comments m WHERE m.document_id = d.id AND m.text <> '' AND NOT EXISTS (
       SELECT FROM comment_cuts k WHERE k.comment_id = m.id AND k.cut = %(cut)s))),
  (SELECT count(DISTINCT c.content_hash) FROM chunks c WHERE c.cut = %(cut)s),
  (SELECT count(DISTINCT c.content_hash) FROM chunks c JOIN embeddings e
     ON e.space_id = %(space)s AND e.content_hash = c.content_hash WHERE c.cut = %(cut)s)
"""
JUDGED = """
SELECT i.name, r.passed, r.gates FROM integrations i
JOIN LATERAL (SELECT true FROM chunks c WHERE c.source_id = i.id AND c.cut = %(cut)s LIMIT 1) held ON true
LEFT JOIN LATERAL (
  SELECT q.passed, q.gates FROM quality_reports q WHERE q.source_id = i.id AND q.space_id = %(space)s
  ORDER BY q.created_at DESC, q.id DESC LIMIT 1) r ON true
WHERE i.type = 'data_source' ORDER BY i.name
"""
# The unique index allows one active space at any moment of the transaction.
STEP_BACK = "UPDATE embedding_spaces SET status = 'previous', held = %(hold)s WHERE status = 'active'"
STEP_UP = "UPDATE embedding_spaces SET status = 'active', held = false, promoted_at = now() WHERE id = %(space)s"
LAST = """
SELECT id FROM embedding_spaces WHERE status = 'previous' AND promoted_at IS NOT NULL
ORDER BY promoted_at DESC LIMIT 1
"""
UNUSED_CUTS = """
DELETE FROM {table} c WHERE NOT EXISTS (
  SELECT FROM embedding_spaces s WHERE s.cut = c.cut AND s.status <> 'retired')
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a space lacks.

    Attributes:
        uncut: Documents that are not cut for it, or have a comment that is not.
        passages: Distinct passages of its cut.
        embedded: Those with a vector.
        unjudged: Sources without a report on it.
        failed: Sources whose newest report failed, with the names of the blocking gates.
    """

    uncut: int
    passages: int
    embedded: int
    unjudged: tuple[str, ...]
    failed: dict[str, tuple[str, ...]]

    @property
    def coverage(self) -> float:
        """Share of passages with a vector, 0 to 1."""
        return self.embedded / self.passages if self.passages else 0.0

    @property
    def lacks(self) -> list[str]:
        """Why it cannot be promoted, in words; empty when it can."""
        found = []
        if not self.passages:
            found.append("it holds nothing yet")
        if self.uncut:
            found.append(f"{self.uncut:,} documents are not cut for it")
        if self.embedded < self.passages:
            found.append(f"{self.passages - self.embedded:,} of {self.passages:,} passages have no vector")
        if self.unjudged:
            found.append(f"no quality report on {', '.join(self.unjudged)}")
        found += [f"{name} failed {', '.join(gates) or 'its report'}" for name, gates in self.failed.items()]
        return found


def readiness(connection: "psycopg.Connection[Any]", space: Space) -> Readiness:
    """Compare a space with all the tenant's passages and reports."""
    values = {"space": space.id, "cut": space.profile.cut}
    row = connection.execute(READINESS, values).fetchone()
    judged = connection.execute(JUDGED, values).fetchall()
    uncut, passages, embedded = row or (0, 0, 0)
    failed = {
        name: tuple(gate["name"] for gate in gates if gate["blocking"] and gate["passed"] is False)
        for name, passed, gates in judged
        if passed is False
    }
    return Readiness(uncut, passages, embedded, tuple(name for name, passed, _ in judged if passed is None), failed)


def promote(connection: "psycopg.Connection[Any]", tenant_id: int, space_id: int, *, force: bool = False) -> Space:
    """Make search use a space from the next query on; the one before can be rolled back to.

    Raises:
        NotFoundError: no such space.
        UsageError: it is active already, has no vectors, or falls short and `force` is not said.
    """
    _alone(connection, tenant_id)
    space = spaces.get(connection, space_id)
    if space.status == "active":
        raise UsageError(f"Space {space_id} is the active one already.")
    if space.status == "retired":
        raise UsageError(f"Space {space_id} is retired and has no vectors: refresh the sources to build a new one.")
    lacks = readiness(connection, space).lacks
    if lacks and not force:
        raise UsageError(
            f"Space {space_id} is not promoted: {'; '.join(lacks)}. Refresh the tenant's sources, or say --force."
        )
    _switch(connection, space_id, hold=False)
    return spaces.get(connection, space_id)


def promote_if_ready(connection: "psycopg.Connection[Any]", tenant_id: int, space: Space) -> bool:
    """Promote a space that was built beside the active one, once nothing is missing; returns whether it did."""
    if space.status not in ("building", "previous") or space.held:
        return False
    _alone(connection, tenant_id)
    fresh = spaces.get(connection, space.id)
    if fresh.status == "active" or fresh.held or readiness(connection, fresh).lacks:
        return False
    _switch(connection, space.id, hold=False)
    return True


def rollback(connection: "psycopg.Connection[Any]", tenant_id: int) -> Space:
    """Go back to the space that was active before; the present one is held, so that it is not promoted by itself.

    Raises:
        UsageError: there is none to go back to.
    """
    _alone(connection, tenant_id)
    row = connection.execute(LAST).fetchone()
    if row is None:
        raise UsageError("There is no earlier space to go back to: it was retired, or there never was one.")
    _switch(connection, row[0], hold=True)
    return spaces.get(connection, row[0])


def retire(connection: "psycopg.Connection[Any]", tenant_id: int, space_id: int) -> Space:
    """Drop a space's vectors, and the passages that no other space uses; its row stays as history.

    Raises:
        NotFoundError: no such space.
        UsageError: search uses it.
    """
    _alone(connection, tenant_id)
    space = spaces.get(connection, space_id)
    if space.status == "active":
        raise UsageError(f"Space {space_id} is the active one: promote another, then retire it.")
    connection.execute("SELECT drop_space_vectors(%s)", (space_id,))
    connection.execute("UPDATE embedding_spaces SET status = 'retired' WHERE id = %s", (space_id,))
    for table in ("chunks", "document_cuts", "comment_cuts"):
        connection.execute(UNUSED_CUTS.format(table=table))
    return spaces.get(connection, space_id)


def _switch(connection: "psycopg.Connection[Any]", space_id: int, *, hold: bool) -> None:
    connection.execute(STEP_BACK, {"hold": hold})
    connection.execute(STEP_UP, {"space": space_id})


def _alone(connection: "psycopg.Connection[Any]", tenant_id: int) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('spaces'), %s)", (tenant_id,))
