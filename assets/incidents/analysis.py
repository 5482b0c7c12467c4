"""Analysing one incident: find what resembles it in the tenant's own history, then ask the provider."""

import time
from typing import Any, Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray

from resources.providers.recommendation import (
    Evidence,
    Generation,
    IncidentFacts,
    RecommendationRequest,
    drop_unknown_evidence,
)
from resources.stores import search as retrieval
from resources.stores.analyses import AnalysisRow, PendingIncident
from resources.stores.search import Filters, Mode, Result

EVIDENCE = 8
# The query's words: a long history of updates says less than title and first reports.
QUERY_CHARACTERS = 2_000


class RecommendationProvider(Protocol):
    """Answers a request; `local` needs no network, others come with their drivers."""

    @property
    def name(self) -> str:
        """The provider's name."""
        ...

    @property
    def model(self) -> str:
        """The model, or the version of the rule pack."""
        ...

    def generate(self, request: RecommendationRequest) -> Generation:
        """Recommendations for an incident."""
        ...


def analysis_version(provider: RecommendationProvider) -> str:
    """Changes whenever the same incident could get another answer."""
    return f"{provider.name}/{provider.model}/evidence{EVIDENCE}"


def find_evidence(
    connection: "psycopg.Connection[Any]",
    space_id: int,
    incident: PendingIncident,
    vectors: NDArray[np.float32] | None = None,
) -> tuple[Evidence, ...]:
    """What the tenant already knew when the incident began, best first, from all of its sources.

    `vectors`, shape (n, dimensions), stand for an incident that is not stored; by default its own are read.
    """
    if vectors is None:
        vectors = retrieval.document_vectors(connection, space_id, incident.document_id, limit=1)
    results = retrieval.search(
        connection,
        space_id=space_id,
        text=f"{incident.title}\n{incident.text[:QUERY_CHARACTERS]}",
        vectors=vectors,
        mode=Mode.HYBRID,
        k=EVIDENCE,
        filters=Filters(before=incident.created_at, exclude=(incident.external_id,)),
    )
    return tuple(_evidence(result) for result in results)


def analyse(
    provider: RecommendationProvider,
    incident: PendingIncident,
    evidence: tuple[Evidence, ...],
    *,
    tenant_id: int,
    source_id: int,
    dagster_run_id: str | None,
) -> AnalysisRow:
    """Ask the provider; a failure becomes a row with its reason, never an exception."""
    facts = IncidentFacts(
        external_id=incident.external_id, title=incident.title, text=incident.text, impact=incident.impact,
        components=tuple(incident.components), state=incident.state, created_at=incident.created_at,
    )  # fmt: skip
    began = time.perf_counter()
    answer, error = None, None
    try:
        request = RecommendationRequest(incident=facts, evidence=evidence)
        answer = drop_unknown_evidence(provider.generate(request), request)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"[:500]
    duration = (time.perf_counter() - began) * 1000
    if answer is None:
        return AnalysisRow(
            tenant_id, source_id, incident.external_id, incident.input_hash, provider.name,
            analysis_version(provider), "failed", duration, error=error, dagster_run_id=dagster_run_id,
        )  # fmt: skip
    return AnalysisRow(
        tenant_id, source_id, incident.external_id, incident.input_hash, provider.name,
        analysis_version(provider), "succeeded", duration,
        provider_served=answer.provider, model=answer.model,
        recommendations=tuple(item.model_dump(mode="json") for item in answer.recommendations),
        evidence=tuple(item.model_dump(mode="json") for item in evidence),
        input_tokens=answer.input_tokens, output_tokens=answer.output_tokens, dagster_run_id=dagster_run_id,
    )  # fmt: skip


def _evidence(result: Result) -> Evidence:
    return Evidence(
        evidence_id=f"{result.kind}:{result.source}:{result.external_id}",
        kind=result.kind, source=result.source, external_id=result.external_id, title=result.title,
        url=result.url, state=result.state, resolution=result.resolution, snippet=result.snippet,
        score=result.score, created_at=result.created_at,
    )  # fmt: skip
