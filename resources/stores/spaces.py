"""Embedding spaces: which vectors may be compared, and which of them search uses."""

from dataclasses import dataclass
from typing import Any

import psycopg

from resources.errors import NotFoundError

IDENTITY = "provider, model, model_revision, dimensions, precision, preprocessing"
FIND = f"""
SELECT id, status FROM embedding_spaces
WHERE ({IDENTITY}) = (%s, %s, %s, %s, %s, %s) AND status <> 'retired' ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - the interpolated text is a constant of this module
CREATE = f"""
INSERT INTO embedding_spaces (tenant_id, {IDENTITY}, status)
VALUES (%s, %s, %s, %s, %s, %s, %s,
        CASE WHEN EXISTS (SELECT FROM embedding_spaces WHERE status = 'active') THEN 'building' ELSE 'active' END)
RETURNING id, status
"""  # noqa: S608 - the interpolated text is a constant of this module
UNCOVERED = """
SELECT EXISTS (SELECT FROM chunks c WHERE NOT EXISTS (
  SELECT FROM embeddings e WHERE e.space_id = %s AND e.content_hash = c.content_hash))
"""


@dataclass(frozen=True, slots=True)
class SpaceProfile:
    """What makes two vectors comparable; two profiles that differ in anything are two spaces."""

    provider: str
    model: str
    model_revision: str
    dimensions: int
    precision: str
    preprocessing: str

    def identity(self) -> tuple[str, str, str, int, str, str]:
        """The fields in the order of the table's columns."""
        return (
            self.provider, self.model, self.model_revision, self.dimensions, self.precision, self.preprocessing,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Space:
    """A space of the current tenant."""

    id: int
    status: str
    profile: SpaceProfile


def ensure(connection: "psycopg.Connection[Any]", tenant_id: int, profile: SpaceProfile) -> Space:
    """The tenant's space for this profile; a tenant's first is active at once, a later one is built beside."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('spaces'), %s)", (tenant_id,))
    row = connection.execute(FIND, profile.identity()).fetchone()
    if row is None:
        row = connection.execute(CREATE, (tenant_id, *profile.identity())).fetchone()
        assert row is not None  # noqa: S101 - INSERT ... RETURNING always has its row
        connection.execute("SELECT create_space_partition(%s)", (row[0],))
    return Space(row[0], row[1], profile)


def active(connection: "psycopg.Connection[Any]") -> Space:
    """The space that search uses.

    Raises:
        NotFoundError: nothing has been embedded yet.
    """
    row = connection.execute(
        f"SELECT id, status, {IDENTITY} FROM embedding_spaces WHERE status = 'active'"  # noqa: S608 - a constant
    ).fetchone()
    if row is None:
        raise NotFoundError(
            "Nothing is embedded yet: add a source (`precedent source add`), then run `precedent refresh`."
        )
    return Space(row[0], row[1], SpaceProfile(*row[2:]))


def promote_when_covered(connection: "psycopg.Connection[Any]", space: Space) -> bool:
    """Make a building space the active one if every chunk of the tenant has its vector there.

    One transaction: search sees the old space or the new one, never none.
    """
    if space.status != "building":
        return False
    row = connection.execute(UNCOVERED, (space.id,)).fetchone()
    if row is None or row[0]:
        return False
    connection.execute("UPDATE embedding_spaces SET status = 'retired' WHERE status = 'active'")
    connection.execute("UPDATE embedding_spaces SET status = 'active' WHERE id = %s", (space.id,))
    return True
