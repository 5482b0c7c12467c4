"""Analysing one incident: find what resembles it in the tenant's own history, then ask the provider."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.incidents import prompt
from precedent.incidents.prompt import PROMPT_VERSION
from precedent.incidents.repository import AnalysisRow, PendingIncident
from precedent.incidents.schema import (
    Evidence,
    IncidentFacts,
    Recommendation,
    RecommendationAnswer,
    RecommendationRequest,
    drop_unknown_evidence,
)
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.generator import Answer, Generator
from precedent.search import retrieval
from precedent.search.dense import document_vectors
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode, Result
from precedent.security.masking import mask
from precedent.security.redaction import scrub, scrub_values

EVIDENCE = 8
# The query's words: a long history of updates says less than title and first reports.
QUERY_CHARACTERS = 2_000


def analysis_version(endpoint: Endpoint) -> str:
    """Changes whenever the same incident could get another answer."""
    answered_by = f"{endpoint.provider.driver}/{endpoint.provider.model}"
    if endpoint.driver.last_resort:  # it reads neither options nor the prompt
        return f"{answered_by}/evidence{EVIDENCE}"
    return f"{answered_by}/{endpoint.provider.fingerprint}/prompt{PROMPT_VERSION}/evidence{EVIDENCE}"


def find_evidence(
    connection: "psycopg.Connection[Any]",
    space_id: int,
    incident: PendingIncident,
    vectors: NDArray[np.float32] | None = None,
    *,
    masks: bool,
) -> tuple[Evidence, ...]:
    """What the tenant already knew when the incident began, best first, from all of its sources.

    Args:
        connection: Bound to the tenant.
        space_id: Whose vectors find it.
        incident: What happened.
        vectors: Shape (n, dimensions), of an incident that is not stored; by default its own are read.
        masks: Whether the tenant masks what leaves: a snippet is a part of a text, in which half of a key would not
            be recognised any more.
    """
    if vectors is None:
        vectors = document_vectors(connection, space_id, incident.document_id, limit=1)
    results = retrieval.search(
        connection,
        space_id=space_id,
        text=f"{incident.title}\n{incident.text[:QUERY_CHARACTERS]}",
        vectors=vectors,
        mode=Mode.HYBRID,
        k=EVIDENCE,
        filters=Filters(before=incident.created_at, exclude=(incident.external_id,)),
        prepare=mask if masks else None,
    )
    return tuple(_evidence(result) for result in results)


def analyse(
    generator: Generator,
    incident: PendingIncident,
    evidence: tuple[Evidence, ...],
    *,
    tenant_id: int,
    source_id: int,
    dagster_run_id: str | None,
) -> AnalysisRow:
    """Ask the providers; a failure becomes a row with its reason, never an exception.

    Args:
        generator: The tenant's chain of providers.
        incident: What happened.
        evidence: What the answer may cite.
        tenant_id: Whose incident it is.
        source_id: The incident's source; 0 where it is only described.
        dagster_run_id: The run that the row is recorded with, if there is one.

    Raises:
        BudgetExhausted: the tenant's money is used up; nothing is to be written then.
    """
    facts = IncidentFacts(
        external_id=incident.external_id,
        title=incident.title,
        text=incident.text,
        impact=incident.impact,
        components=tuple(incident.components),
        state=incident.state,
        created_at=incident.created_at,
    )
    asked = generator.asked
    began = time.perf_counter()
    row = AnalysisRow(
        tenant_id,
        source_id,
        incident.external_id,
        incident.input_hash,
        asked.name,
        analysis_version(asked),
        "failed",
        0.0,
        evidence=tuple(item.model_dump(mode="json") for item in evidence),
        dagster_run_id=dagster_run_id,
        provider_revision=asked.provider.fingerprint,
        config=asked.provider.described(),
    )
    try:
        answer, found = _asked(generator, RecommendationRequest(incident=facts, evidence=evidence))
    except BudgetExhausted:
        raise
    except Exception as problem:
        error = scrub(f"{type(problem).__name__}: {problem}"[:500])
        return replace(row, error=error, duration_ms=(time.perf_counter() - began) * 1000)
    completion = answer.completion
    return replace(
        row,
        status="succeeded",
        duration_ms=(time.perf_counter() - began) * 1000,
        provider_served=answer.served.name,
        model=completion.model,
        fallback_reason=answer.fallback_reason,
        recommendations=tuple(scrub_values(item.model_dump(mode="json")) for item in found),
        input_tokens=completion.usage.input,
        output_tokens=completion.usage.output,
        cost_usd=answer.cost,
        masked=answer.masked,
        attempts=answer.skipped,
    )


def _asked(generator: Generator, request: RecommendationRequest) -> tuple[Answer, tuple[Recommendation, ...]]:
    """The providers' answer, and its recommendations, which cite only what was offered."""
    options = generator.asked.provider.options
    question = prompt.build(
        withheld(request, generator),
        max_prompt_tokens=options.max_prompt_tokens,
        max_output_tokens=options.max_output_tokens,
    )
    answer = generator.generate(question)
    value, offered = answer.completion.value, question.data
    assert isinstance(value, RecommendationAnswer)  # noqa: S101 - the schema of the request
    assert isinstance(offered, RecommendationRequest)  # noqa: S101 - the data of the request
    return answer, drop_unknown_evidence(value.recommendations_or_error(), offered)


def withheld(request: RecommendationRequest, generator: Generator) -> RecommendationRequest:
    """The request without evidence of sources whose texts may not leave, if a provider of the chain is external."""
    kept, allows = generator.policy.sources_kept, generator.policy.allows_external
    if not kept or not any(client.external and allows(client.context.source) for client in generator.clients):
        return request
    return request.model_copy(update={"evidence": tuple(e for e in request.evidence if e.source not in kept)})


def _evidence(result: Result) -> Evidence:
    return Evidence(
        evidence_id=f"{result.kind}:{result.source}:{result.external_id}",
        kind=result.kind,
        source=result.source,
        external_id=result.external_id,
        title=result.title,
        url=result.url,
        state=result.state,
        resolution=result.resolution,
        snippet=result.snippet,
        score=result.score,
        created_at=result.created_at,
    )
