"""The incidents of a tenant, each with what its newest analysis says: what a person looks through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

RESOLVED = ("resolved", "postmortem", "completed", "closed")
# The newest first; an incident without a moment comes last, and ids make the order of equal moments certain.
LIST = """
SELECT d.id, d.external_id, i.name, d.title, d.state, d.priority, d.components, d.url, d.created_at,
       lower(coalesce(d.state, '')) = ANY(%(resolved)s),
       a.status, a.recommendations -> 0 ->> 'title', a.recommendations -> 0 ->> 'priority', a.provider_served
FROM documents d JOIN integrations i ON i.id = d.source_id
LEFT JOIN LATERAL (
  SELECT r.status, r.recommendations, r.provider_served FROM analysis_runs r
  WHERE r.source_id = d.source_id AND r.external_id = d.external_id
  ORDER BY r.created_at DESC, r.id DESC LIMIT 1) a ON true
WHERE d.tenant_id = %(tenant)s AND d.kind = 'incident'
  AND (NOT %(open)s OR lower(coalesce(d.state, '')) <> ALL(%(resolved)s))
  AND (%(text)s::text IS NULL OR strpos(lower(d.title || ' ' || d.external_id), lower(%(text)s::text)) > 0)
ORDER BY d.created_at DESC NULLS LAST, d.id DESC
LIMIT %(limit)s OFFSET %(offset)s
"""


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident, in a line.

    Attributes:
        id: The document's number.
        external_id: Its id at the source.
        source: The source's name.
        title: What happened.
        state: As the source says it.
        impact: How bad it is, as the source says it.
        components: What is affected.
        url: The original.
        created_at: Since when.
        resolved: Whether its state says that it is over.
        analysis: `succeeded` or `failed`; None where it was never analysed.
        advice: The title of the first recommendation.
        priority: Of that recommendation.
        provider: Who recommended it.
    """

    id: int
    external_id: str
    source: str
    title: str
    state: str | None
    impact: str | None
    components: Sequence[str]
    url: str | None
    created_at: datetime | None
    resolved: bool
    analysis: str | None
    advice: str | None
    priority: str | None
    provider: str | None


def list(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    *,
    only_open: bool = False,
    text: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[IncidentLine]:
    """Incidents, the newest first.

    Args:
        connection: Bound to the tenant.
        tenant_id: The tenant.
        only_open: Leave out those that are over.
        text: Only those with these characters in title or id, in small or capital letters.
        limit: How many at most.
        offset: How many to leave out before.
    """
    values = {
        "tenant": tenant_id,
        "open": only_open,
        "text": text or None,
        "resolved": [*RESOLVED],
        "limit": limit,
        "offset": offset,
    }
    return [IncidentLine(*row) for row in connection.execute(LIST, values)]
