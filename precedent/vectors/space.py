"""Embedding spaces: which vectors may be compared, and which of them search uses."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from precedent.errors import NotFoundError

IDENTITY = "provider, model, model_revision, dimensions, precision, preprocessing, cut"
COLUMNS = f"id, status, made_by, promoted_at, held, {IDENTITY}"
FIND = f"""
SELECT {COLUMNS} FROM embedding_spaces
WHERE ({IDENTITY}) = (%s, %s, %s, %s, %s, %s, %s) AND status <> 'retired' ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - the interpolated text is a constant of this module
CREATE = f"""
INSERT INTO embedding_spaces (tenant_id, {IDENTITY}, made_by, status, promoted_at)
SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, CASE WHEN taken THEN 'building' ELSE 'active' END,
       CASE WHEN taken THEN NULL ELSE now() END
FROM (SELECT EXISTS (SELECT FROM embedding_spaces WHERE status = 'active') AS taken) a
RETURNING {COLUMNS}
"""  # noqa: S608 - the interpolated text is a constant of this module
PRECISION = """
SELECT precision FROM embedding_spaces
WHERE (provider, model, model_revision) = (%s, %s, %s) AND status <> 'retired' AND NOT held
ORDER BY status = 'active' DESC, id DESC LIMIT 1
"""
# The space of the configured model, else the one that search uses: of two with vectors the configured one.
TO_SERVE = f"""
SELECT {COLUMNS} FROM (
  SELECT s.*, ({IDENTITY}) = (%s, %s, %s, %s, %s, %s, %s) AS configured,
         EXISTS (SELECT FROM chunks c WHERE c.source_id = p.source AND c.cut = s.cut) AS has_passages,
         EXISTS (SELECT FROM chunks c JOIN embeddings e ON e.space_id = s.id AND e.content_hash = c.content_hash
                 WHERE c.source_id = p.source AND c.cut = s.cut) AS has_vectors
  FROM embedding_spaces s CROSS JOIN (SELECT %s::bigint AS source) p WHERE s.status <> 'retired') found
WHERE has_passages AND (configured OR status = 'active')
ORDER BY has_vectors DESC, configured DESC, id DESC LIMIT 1
"""  # noqa: S608 - the interpolated text is a constant of this module


@dataclass(frozen=True, slots=True)
class SpaceProfile:
    """What makes two vectors comparable; two profiles that differ in anything are two spaces.

    The fields are in the order of the table's columns.

    Attributes:
        provider: The driver of a local model, `endpoint` for all others.
        model: Its name.
        model_fingerprint: Of the files that decide its vectors; of an endpoint the task that it is told.
        dimensions: Of the vectors.
        precision: Of the arithmetic.
        preprocessing: What a text goes through before the model and a vector before it is stored.
        cut: How documents are cut into passages for it: by the model's tokenizer and window, masked before or not.
    """

    provider: str
    model: str
    model_fingerprint: str
    dimensions: int
    precision: str
    preprocessing: str
    cut: str = ""

    def identity(self) -> tuple[str, str, str, int, str, str, str]:
        """The fields in the order of `IDENTITY`."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class Space:
    """A space of the current tenant.

    Attributes:
        id: Of its row and its partition.
        status: `building`, `active` (search uses it), `previous` (can be rolled back to) or `retired` (no vectors).
        profile: What makes its vectors comparable.
        made_by: The provider that makes its vectors, as it is needed to embed a query; no credential.
        promoted_at: When search began to use it.
        held: Rolled back from: not promoted again by itself.
    """

    id: int
    status: str
    profile: SpaceProfile
    made_by: Mapping[str, Any]
    promoted_at: datetime | None = None
    held: bool = False


def ensure(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    profile: SpaceProfile,
    made_by: Mapping[str, Any] | None = None,
) -> Space:
    """The tenant's space for this profile; a tenant's first is active at once, a later one is built beside."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('spaces'), %s)", (tenant_id,))
    row = connection.execute(FIND, profile.identity()).fetchone()
    if row is None:
        made = Jsonb(dict(made_by or {}))
        row = connection.execute(CREATE, (tenant_id, *profile.identity(), made)).fetchone()
        assert row is not None  # noqa: S101 - INSERT ... RETURNING always has its row
        connection.execute("SELECT create_space_partition(%s)", (row[0],))
        return _space(row)
    found = _space(row)
    if made_by and dict(made_by) != found.made_by:
        connection.execute("UPDATE embedding_spaces SET made_by = %s WHERE id = %s", (Jsonb(dict(made_by)), found.id))
        return replace(found, made_by=made_by)
    return found


def active(connection: "psycopg.Connection[Any]") -> Space:
    """The space that search uses.

    Raises:
        NotFoundError: nothing has been embedded yet.
    """
    found = _first(connection, "status = 'active'")
    if found is None:
        raise NotFoundError(
            "Nothing is embedded yet: add a source (`precedent source add`), then run `precedent refresh`."
        )
    return found


def to_serve(connection: "psycopg.Connection[Any]", source_id: int, configured: SpaceProfile) -> Space | None:
    """The space that is to serve a source, by which its vectors are judged; None while the source has no passages.

    It is the configured model's, so that a space that search leaves anyway holds nothing up; or the one that search
    uses where that one has no vectors of the source: vectors that are in use and come from another model are judged.
    """
    row = connection.execute(TO_SERVE, (*configured.identity(), source_id)).fetchone()
    return _space(row) if row else None


def get(connection: "psycopg.Connection[Any]", space_id: int) -> Space:
    """A space of the current tenant.

    Raises:
        NotFoundError: there is none of this number.
    """
    found = _first(connection, "id = %s", (space_id,))
    if found is None:
        raise NotFoundError(f"There is no space {space_id}: `precedent space list` shows those there are.")
    return found


def list(connection: "psycopg.Connection[Any]") -> Sequence[Space]:
    """The tenant's spaces, the newest first."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM embedding_spaces ORDER BY id DESC")  # noqa: S608 - a constant
    return [_space(row) for row in rows]


def precision_in_use(
    connection: "psycopg.Connection[Any]", provider: str, model: str, model_fingerprint: str
) -> str | None:
    """The precision of the tenant's vectors by these weights: the next ones are to be made in the same."""
    row = connection.execute(PRECISION, (provider, model, model_fingerprint)).fetchone()
    return row[0] if row else None


def _first(connection: "psycopg.Connection[Any]", condition: str, values: tuple[Any, ...] = ()) -> Space | None:
    statement = f"SELECT {COLUMNS} FROM embedding_spaces WHERE {condition}"  # noqa: S608 - constants
    row = connection.execute(statement, values).fetchone()
    return _space(row) if row else None


def _space(row: tuple[Any, ...]) -> Space:
    number, status, made_by, promoted_at, held, *identity = row
    return Space(number, status, SpaceProfile(*identity), made_by, promoted_at, held)
