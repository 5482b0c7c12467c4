"""Quality reports: one row each time a source's vectors were measured."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

SAVE = """
INSERT INTO quality_reports
  (tenant_id, source_id, space_id, manifest, score, passed, measures, gates, figures, sample)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
# Pictures and samples of the report before are of no use to anybody; its measures are the trend.
LIGHTEN = """
UPDATE quality_reports q SET plot = NULL, figures = '{}', sample = NULL
WHERE q.source_id = %(source)s AND q.id <> %(id)s AND (q.plot IS NOT NULL OR q.sample IS NOT NULL OR q.figures <> '{}')
  AND (q.space_id = %(space)s
       OR EXISTS (SELECT FROM embedding_spaces s WHERE s.id = q.space_id AND s.status = 'retired'))
"""
COLUMNS = "id, space_id, manifest, score, passed, measures, gates, created_at, figures, plot"
LATEST = f"""
SELECT {COLUMNS} FROM quality_reports WHERE source_id = %s ORDER BY created_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - the interpolated text is a constant of this module
NEWEST_OF_SPACES = f"""
SELECT DISTINCT ON (space_id) {COLUMNS} FROM quality_reports
WHERE source_id = %s ORDER BY space_id, created_at DESC, id DESC
"""  # noqa: S608 - the interpolated text is a constant of this module
KEPT = """
SELECT sample, (measures ->> 'dimensions')::integer, created_at FROM quality_reports
WHERE source_id = %s AND space_id = %s ORDER BY created_at DESC, id DESC LIMIT 1
"""
JUDGE_AGAIN = "UPDATE quality_reports SET score = %s, passed = %s, gates = %s, plot = NULL WHERE id = %s"
KEEP_PLOT = "UPDATE quality_reports SET plot = %s WHERE id = %s"
HISTORY = """
SELECT created_at, space_id, score, passed, (measures ->> 'count')::bigint,
       (measures #>> '{canary,mean_cosine}')::float8, (measures #>> '{title_to_body,mrr}')::float8,
       (measures #>> '{recall,recall}')::float8
FROM (SELECT * FROM quality_reports WHERE source_id = %s ORDER BY created_at DESC, id DESC LIMIT %s) newest
ORDER BY created_at, id
"""
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Report:
    """A stored quality report; `figures` and `plot` are empty where a newer one has taken its place."""

    id: int
    space_id: int
    manifest: str
    score: float
    passed: bool
    measures: dict[str, Any]
    gates: list[dict[str, Any]]
    created_at: datetime
    figures: dict[str, Any]
    plot: bytes | None


@dataclass(frozen=True, slots=True)
class Point:
    """What a trend shows of one report; None where it was not measured."""

    at: datetime
    space_id: int
    score: float
    passed: bool
    count: int
    canary_mean: float | None
    mrr: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Vectors that the newest report of a space kept, shape (n, dimensions), and when it was made."""

    vectors: NDArray[np.float32]
    at: datetime


def latest(connection: "psycopg.Connection[Any]", source_id: int) -> Report | None:
    """The newest report of a source."""
    row = connection.execute(LATEST, (source_id,)).fetchone()
    return Report(*row) if row else None


def newest_of_spaces(connection: "psycopg.Connection[Any]", source_id: int) -> list[Report]:
    """The newest report of a source on each space that it was measured in."""
    return [Report(*row) for row in connection.execute(NEWEST_OF_SPACES, (source_id,))]


def history(connection: "psycopg.Connection[Any]", source_id: int, limit: int = SHOWN) -> list[Point]:
    """The last reports of a source, the oldest first."""
    return [Point(*row) for row in connection.execute(HISTORY, (source_id, limit))]


def kept(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> Kept | None:
    """The vectors that the newest report on a space kept."""
    row = connection.execute(KEPT, (source_id, space_id)).fetchone()
    if row is None or not row[0]:
        return None
    halves = np.frombuffer(row[0], dtype=np.float16).reshape(-1, row[1])
    return Kept(halves.astype(np.float32), row[2])


def save(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    space_id: int,
    *,
    manifest: str,
    score: float,
    passed: bool,
    measures: dict[str, Any],
    gates: list[dict[str, Any]],
    figures: dict[str, Any],
    sample: NDArray[np.float32],
) -> None:
    """Add a report; those before it keep their measures only.

    Args:
        connection: Bound to the tenant.
        tenant_id: Whose.
        source_id: Of what was measured.
        space_id: Of the vectors.
        manifest: The digest of what was measured.
        score: 0 to 100.
        passed: Whether no blocking gate failed.
        measures: All figures, as JSON.
        gates: The verdict, as JSON.
        figures: What pictures are drawn from, as JSON.
        sample: Vectors to measure the next report's drift from, shape (n, dimensions).
    """
    values = (
        tenant_id, source_id, space_id, manifest, score, passed, Jsonb(measures), Jsonb(gates), Jsonb(figures),
        sample.astype(np.float16).tobytes(),
    )  # fmt: skip
    row = connection.execute(SAVE, values).fetchone()
    connection.execute(LIGHTEN, {"source": source_id, "space": space_id, "id": row[0] if row else 0})


def judge_again(
    connection: "psycopg.Connection[Any]",
    report_id: int,
    *,
    score: float,
    passed: bool,
    gates: list[dict[str, Any]],
) -> None:
    """Replace a report's verdict, as its thresholds have changed; its plot shows the old one and goes."""
    connection.execute(JUDGE_AGAIN, (score, passed, Jsonb(gates), report_id))


def keep_plot(connection: "psycopg.Connection[Any]", report_id: int, plot: bytes) -> None:
    """Store a report's picture, a PNG."""
    connection.execute(KEEP_PLOT, (plot, report_id))
