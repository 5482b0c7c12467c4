"""Thresholds of quality reports, by tenant and by source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

READ = """
SELECT source_id IS NOT NULL, thresholds FROM quality_thresholds WHERE source_id IS NULL OR source_id = %s
"""
SET_TENANT = """
INSERT INTO quality_thresholds (tenant_id, thresholds) VALUES (%(tenant)s, %(values)s)
ON CONFLICT (tenant_id) WHERE source_id IS NULL
DO UPDATE SET thresholds = quality_thresholds.thresholds || excluded.thresholds, updated_at = now()
"""
SET_SOURCE = """
INSERT INTO quality_thresholds (tenant_id, source_id, thresholds) VALUES (%(tenant)s, %(source)s, %(values)s)
ON CONFLICT (source_id) WHERE source_id IS NOT NULL
DO UPDATE SET thresholds = quality_thresholds.thresholds || excluded.thresholds, updated_at = now()
"""
CLEAR = """
UPDATE quality_thresholds SET thresholds = thresholds - %(names)s::text[], updated_at = now()
WHERE source_id IS NOT DISTINCT FROM %(source)s AND thresholds ?| %(names)s::text[]
"""
CLEAR_ALL = "DELETE FROM quality_thresholds WHERE source_id IS NOT DISTINCT FROM %(source)s"


@dataclass(frozen=True, slots=True)
class Layers:
    """What a tenant and a source set, by name; the source goes first, what neither sets has its default."""

    tenant: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)


def read(connection: "psycopg.Connection[Any]", source_id: int | None) -> Layers:
    """What holds for a source, or with None for the tenant as a whole."""
    found: dict[bool, dict[str, Any]] = {bool(own): values for own, values in connection.execute(READ, (source_id,))}
    return Layers(found.get(False, {}), found.get(True, {}))


def put(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int | None, values: Mapping[str, float]
) -> None:
    """Set some, of a source or with None of the tenant; the others stay as they are."""
    statement = SET_TENANT if source_id is None else SET_SOURCE
    connection.execute(statement, {"tenant": tenant_id, "source": source_id, "values": Jsonb(dict(values))})


def clear(connection: "psycopg.Connection[Any]", source_id: int | None, names: Sequence[str]) -> None:
    """Take back some, or without names all, of a source or with None of the tenant."""
    statement = CLEAR if names else CLEAR_ALL
    connection.execute(statement, {"source": source_id, "names": list(names)})
