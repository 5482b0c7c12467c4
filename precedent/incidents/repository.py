"""Analysis runs: an incident, the evidence shown, and what was recommended."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from precedent.sources.shapes.cleaning import clean

# An analysis is up to date when it was made from this text for this provider; one that a fallback served is made
# again once the provider that was asked is well.
VERSION_HASH = "sha256(%(version)s::bytea || d.content_hash || convert_to(coalesce(d.state, ''), 'UTF8'))"
PENDING = f"""
SELECT d.id, d.external_id, d.title, d.text, d.priority, d.components, d.state, d.created_at, {VERSION_HASH}
FROM documents d
WHERE d.source_id = %(source)s AND d.kind = 'incident' AND (%(everything)s OR NOT EXISTS (
  SELECT FROM analysis_runs a WHERE a.source_id = d.source_id AND a.external_id = d.external_id
    AND a.status = 'succeeded' AND a.input_hash = {VERSION_HASH}
    AND (a.fallback_reason IS NULL OR NOT %(retry_fallbacks)s)))
ORDER BY d.created_at, d.id
"""  # noqa: S608 - the interpolated text is a constant of this module
INSERT = """
INSERT INTO analysis_runs (tenant_id, source_id, external_id, input_hash, provider_asked, provider_served, model,
  prompt_version, status, error, recommendations, evidence, input_tokens, output_tokens, cost_usd, duration_ms,
  dagster_run_id, fallback_reason, provider_revision, config, masked, attempts)
VALUES (%(tenant_id)s, %(source_id)s, %(external_id)s, %(input_hash)s, %(provider_asked)s, %(provider_served)s,
  %(model)s, %(prompt_version)s, %(status)s, %(error)s, %(recommendations)s, %(evidence)s, %(input_tokens)s,
  %(output_tokens)s, %(cost_usd)s, %(duration_ms)s, %(dagster_run_id)s, %(fallback_reason)s,
  %(provider_revision)s, %(config)s, %(masked)s, %(attempts)s)
"""
MANIFEST = """
SELECT count(*), encode(sha256(coalesce(string_agg(input_hash, ''::bytea ORDER BY external_id), ''::bytea)), 'hex')
FROM (SELECT DISTINCT ON (external_id) external_id, input_hash FROM analysis_runs
      WHERE source_id = %s AND status = 'succeeded' ORDER BY external_id, created_at DESC) latest
"""
FALLBACKS = """
SELECT fallback_reason, count(*) FROM (
  SELECT DISTINCT ON (external_id) fallback_reason FROM analysis_runs
  WHERE source_id = %s AND status = 'succeeded' ORDER BY external_id, created_at DESC) latest
WHERE fallback_reason IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1
"""
TYPES = """
SELECT r ->> 'type', count(*) FROM (
  SELECT DISTINCT ON (external_id) recommendations FROM analysis_runs
  WHERE source_id = %s AND status = 'succeeded' ORDER BY external_id, created_at DESC) latest,
  jsonb_array_elements(latest.recommendations) r
GROUP BY 1 ORDER BY 2 DESC, 1
"""
LATEST = """
SELECT a.external_id, a.provider_served, a.model, a.status, a.error, a.recommendations, a.evidence, a.duration_ms,
       a.created_at, i.name, a.provider_asked, a.fallback_reason, a.cost_usd, a.masked
FROM analysis_runs a JOIN integrations i ON i.id = a.source_id
WHERE a.source_id = %s AND a.external_id = %s ORDER BY a.created_at DESC, a.id DESC LIMIT 1
"""
REMOVE_GONE = """
DELETE FROM analysis_runs a WHERE a.source_id = %s AND NOT EXISTS (
  SELECT FROM documents d WHERE d.source_id = a.source_id AND d.kind = 'incident'
    AND d.external_id = a.external_id)
"""


@dataclass(frozen=True, slots=True)
class PendingIncident:
    """An incident without an up-to-date analysis."""

    document_id: int
    external_id: str
    title: str
    text: str
    impact: str | None
    components: list[str]
    state: str | None
    created_at: datetime | None
    input_hash: bytes


@dataclass(frozen=True, slots=True)
class AnalysisRow:
    """One row of `analysis_runs`."""

    tenant_id: int
    source_id: int
    external_id: str
    input_hash: bytes
    provider_asked: str
    prompt_version: str
    status: str
    duration_ms: float
    provider_served: str | None = None
    model: str | None = None
    error: str | None = None
    recommendations: tuple[dict[str, Any], ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    dagster_run_id: str | None = None
    fallback_reason: str | None = None
    provider_revision: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    masked: int = 0
    attempts: tuple[dict[str, Any], ...] = ()


def pending(
    connection: "psycopg.Connection[Any]",
    source_id: int,
    version: str,
    *,
    everything: bool,
    retry_fallbacks: bool = False,
) -> list[PendingIncident]:
    """Incidents whose analysis is missing, failed, or was made from another text, state or version.

    Args:
        connection: Bound to the tenant.
        source_id: Whose incidents.
        version: Of what analyses them.
        everything: Also those that are up to date.
        retry_fallbacks: Also those that only a fallback has answered.
    """
    values = {"source": source_id, "version": version.encode(), "everything": everything}
    rows = connection.execute(PENDING, {**values, "retry_fallbacks": retry_fallbacks})
    return [PendingIncident(*row) for row in rows]


def save(connection: "psycopg.Connection[Any]", row: AnalysisRow) -> None:
    """Add an analysis run; what a model wrote is kept without the characters that PostgreSQL cannot store."""
    values: dict[str, Any] = {name: clean(getattr(row, name))[0] for name in row.__dataclass_fields__}
    for name in ("recommendations", "evidence", "attempts"):
        values[name] = Jsonb(clean(list(values[name]))[0])
    values["config"] = Jsonb(row.config)
    connection.execute(INSERT, values)


def remove_gone(connection: "psycopg.Connection[Any]", source_id: int) -> int:
    """Remove analyses of incidents that no longer exist; returns how many."""
    return connection.execute(REMOVE_GONE, (source_id,)).rowcount


def manifest(connection: "psycopg.Connection[Any]", source_id: int) -> tuple[int, str]:
    """Analysed incidents of a source and the digest of what they were analysed from."""
    row = connection.execute(MANIFEST, (source_id,)).fetchone()
    return (row[0], row[1]) if row else (0, "")


def types(connection: "psycopg.Connection[Any]", source_id: int) -> dict[str, int]:
    """How often each type of recommendation stands in the latest analyses."""
    return dict(connection.execute(TYPES, (source_id,)).fetchall())


def fallbacks(connection: "psycopg.Connection[Any]", source_id: int) -> dict[str, int]:
    """How many of the latest analyses another provider served than was asked, by reason."""
    return dict(connection.execute(FALLBACKS, (source_id,)).fetchall())


def latest(connection: "psycopg.Connection[Any]", source_id: int, external_id: str) -> dict[str, Any] | None:
    """The newest analysis of an incident, or None."""
    cursor = connection.execute(LATEST, (source_id, external_id))
    row = cursor.fetchone()
    if row is None:
        return None
    names = [
        "incident",
        "provider",
        "model",
        "status",
        "error",
        "recommendations",
        "evidence",
        "duration_ms",
        "created_at",
        "source",
        "provider_asked",
        "fallback_reason",
        "cost_usd",
        "masked",
    ]
    return dict(zip(names, row, strict=True))


def newest_open(connection: "psycopg.Connection[Any]", source_id: int) -> str | None:
    """The newest incident, one that is not resolved before one that is; None where there are none."""
    row = connection.execute(
        "SELECT external_id FROM documents WHERE source_id = %s AND kind = 'incident' "
        "ORDER BY (coalesce(state, '') IN ('resolved', 'postmortem')), created_at DESC NULLS LAST LIMIT 1",
        (source_id,),
    ).fetchone()
    return str(row[0]) if row else None
