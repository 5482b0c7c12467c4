"""Recommendations for an interactive caller: the stored analysis of an incident, or one made now."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NotRequired, TypedDict, cast

from precedent.errors import NotFoundError
from precedent.incidents import repository as analyses
from precedent.incidents.analysis import analyse, analysis_version, find_evidence
from precedent.incidents.repository import PendingIncident
from precedent.providers.runtime.factory import open_generator
from precedent.providers.runtime.generator import Generator
from precedent.providers.runtime.ledger import CallContext
from precedent.search.service import Searcher


class Analysis(TypedDict):
    """What was recommended for an incident, and from which evidence.

    Keys: `incident` is its id, None where it was only described; `status` is `succeeded` or `failed`, with the
    reason in `error`; `provider` and `model` served, `provider_asked` was asked first, and `fallback_reason` says why
    another one served; `cost_usd` is None where the price is unknown; `masked` counts masked places in what was sent.
    `recommendations` have type, priority, title, description, actions, probable_cause, confidence and evidence_ids;
    `evidence` has evidence_id, kind, source, external_id, title, url, state, resolution, snippet, score, created_at.
    """

    incident: str | None
    title: str
    status: str
    error: str | None
    provider: str | None
    model: str | None
    provider_asked: str
    fallback_reason: str | None
    cost_usd: Decimal | None
    masked: int
    duration_ms: float
    recommendations: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    state: NotRequired[str | None]
    source: NotRequired[str]
    created_at: NotRequired[datetime]


class Recommender:
    """Says what to do about the incidents of one tenant."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.database, self.settings = searcher.database, searcher.settings
        self.tenant_id = searcher.tenant.id

    @cached_property
    def generator(self) -> Generator:
        """The tenant's chain of providers for text generation."""
        return self._open(None)

    def recommend(self, external_id: str, *, source: str | None, again: bool) -> Analysis:
        """The newest analysis of an incident; made now where it is missing or out of date.

        Raises:
            NotFoundError: no such incident.
        """
        document = self.searcher.document(external_id, source=source, kind="incident")
        with self.database.bulk(self.tenant_id) as connection:
            stale = {
                incident.external_id: incident
                for incident in analyses.pending(
                    connection, document.source_id, analysis_version(self.generator.asked), everything=again
                )
            }
            incident = stale.get(external_id)
            masks = self.generator.policy.masks
            evidence = find_evidence(connection, self.searcher.space.id, incident, masks=masks) if incident else ()
        if incident is not None:
            # No transaction waits while a provider thinks.
            generator = self._open(document.source)
            row = analyse(
                generator,
                incident,
                evidence,
                tenant_id=self.tenant_id,
                source_id=document.source_id,
                dagster_run_id=None,
            )
            with self.database.bulk(self.tenant_id) as connection:
                analyses.save(connection, row)
        with self.database.bulk(self.tenant_id) as connection:
            found = analyses.latest(connection, document.source_id, external_id)
        if found is None:
            raise NotFoundError(f"{external_id} has no analysis: run `precedent refresh` on its source.")
        return cast("Analysis", {**found, "title": document.title, "state": document.state})

    def recommend_for(self, title: str, text: str) -> Analysis:
        """Recommendations for an incident that is only described; nothing is stored."""
        incident = PendingIncident(0, "described", title, text, None, [], None, None, b"")
        (vectors,) = self.searcher.query_vectors([f"{title}\n{text}".strip()])
        with self.database.bulk(self.tenant_id) as connection:
            evidence = find_evidence(
                connection, self.searcher.space.id, incident, vectors, masks=self.generator.policy.masks
            )
        row = analyse(self.generator, incident, evidence, tenant_id=self.tenant_id, source_id=0, dagster_run_id=None)
        return {
            "incident": None,
            "title": title,
            "provider": row.provider_served,
            "model": row.model,
            "status": row.status,
            "error": row.error,
            "duration_ms": row.duration_ms,
            "provider_asked": row.provider_asked,
            "fallback_reason": row.fallback_reason,
            "cost_usd": row.cost_usd,
            "masked": row.masked,
            "recommendations": list(row.recommendations),
            "evidence": list(row.evidence),
        }

    def _open(self, source: str | None) -> Generator:
        return open_generator(self.database, self.settings, CallContext(self.tenant_id, source=source))
