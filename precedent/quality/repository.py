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
# Of the reports before, the measures are the trend; what charts are drawn from and samples are of no use any more.
LIGHTEN = """
UPDATE quality_reports q SET plot = NULL, figures = '{}', sample = NULL
WHERE q.source_id = %(source)s AND q.id <> %(id)s AND (q.plot IS NOT NULL OR q.sample IS NOT NULL OR q.figures <> '{}')
  AND (q.space_id = %(space)s
       OR EXISTS (SELECT FROM embedding_spaces s WHERE s.id = q.space_id AND s.status = 'retired'))
"""
COLUMNS = "id, space_id, manifest, score, passed, measures, gates, created_at, figures"
LATEST = f"""
SELECT {COLUMNS} FROM quality_reports WHERE source_id = %s ORDER BY created_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - the interpolated text is a constant of this module
LATEST_OF_SPACES = f"""
SELECT DISTINCT ON (space_id) {COLUMNS} FROM quality_reports
WHERE source_id = %s ORDER BY space_id, created_at DESC, id DESC
"""  # noqa: S608 - the interpolated text is a constant of this module
SAMPLE = """
SELECT sample, (measures ->> 'dimensions')::integer, created_at FROM quality_reports
WHERE source_id = %s AND space_id = %s ORDER BY created_at DESC, id DESC LIMIT 1
"""
SAVE_VERDICT = "UPDATE quality_reports SET score = %s, passed = %s, gates = %s WHERE id = %s"
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
    """A stored quality report; `figures`, what its charts are drawn from, is empty where a newer one took its place."""

    id: int
    space_id: int
    manifest: str
    score: float
    passed: bool
    measures: dict[str, Any]
    gates: list[dict[str, Any]]
    created_at: datetime
    figures: dict[str, Any]


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
class Sample:
    """Vectors that a report keeps for the next one's drift, shape (n, dimensions), and when it was made."""

    vectors: NDArray[np.float32]
    at: datetime


def latest(connection: "psycopg.Connection[Any]", source_id: int) -> Report | None:
    """The newest report of a source."""
    row = connection.execute(LATEST, (source_id,)).fetchone()
    return Report(*row) if row else None


def latest_of_spaces(connection: "psycopg.Connection[Any]", source_id: int) -> list[Report]:
    """The newest report of a source on each space that it was measured in."""
    return [Report(*row) for row in connection.execute(LATEST_OF_SPACES, (source_id,))]


def history(connection: "psycopg.Connection[Any]", source_id: int, limit: int = SHOWN) -> list[Point]:
    """The last reports of a source, the oldest first."""
    return [Point(*row) for row in connection.execute(HISTORY, (source_id, limit))]


def latest_sample(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> Sample | None:
    """The vectors that the newest report on a space keeps; None where there is none."""
    row = connection.execute(SAMPLE, (source_id, space_id)).fetchone()
    if row is None or not row[0]:
        return None
    halves = np.frombuffer(row[0], dtype=np.float16).reshape(-1, row[1])
    return Sample(halves.astype(np.float32), row[2])


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
    chart_data: dict[str, Any],
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
        chart_data: What charts are drawn from, as JSON.
        sample: Vectors to measure the next report's drift from, shape (n, dimensions).
    """
    values = (
        tenant_id,
        source_id,
        space_id,
        manifest,
        score,
        passed,
        Jsonb(measures),
        Jsonb(gates),
        Jsonb(chart_data),
        sample.astype(np.float16).tobytes(),
    )
    row = connection.execute(SAVE, values).fetchone()
    connection.execute(LIGHTEN, {"source": source_id, "space": space_id, "id": row[0] if row else 0})


def save_verdict(
    connection: "psycopg.Connection[Any]",
    report_id: int,
    *,
    score: float,
    passed: bool,
    gates: list[dict[str, Any]],
) -> None:
    """Replace the score (0 to 100), outcome and gates of a report, as its thresholds have changed."""
    connection.execute(SAVE_VERDICT, (score, passed, Jsonb(gates), report_id))
