"""Search, similar items, and what to do about an incident."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints

from hub.gate.permission import TenantAccess, needs, tenant_access
from precedent.access.roles import Role
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode, Result

LONGEST_QUERY = 2_000
MOST_RESULTS = 100
router = APIRouter(tags=["items"])
Asked = Annotated[TenantAccess, Depends(tenant_access)]
Several = Annotated[list[Annotated[str, StringConstraints(max_length=512)]] | None, Query(max_length=20)]
K = Annotated[int, Query(ge=1, le=MOST_RESULTS, description="How many results at most.")]
Legs = Annotated[Mode, Query(description="hybrid (meaning and words), vector (meaning) or text (words).")]


class ResultView(BaseModel):
    """An item that was found; the scores of both legs explain its place."""

    external_id: str
    source: str
    kind: str
    title: str
    score: float = Field(description="Of a hybrid search from 0 to 1, of one leg that leg's.")
    vector_score: float | None = Field(description="Cosine similarity of the nearest passage.")
    text_score: float | None = Field(description="BM25.")
    vector_rank: int | None = Field(description="Place by meaning, from 1.")
    text_rank: int | None = Field(description="Place by words.")
    rerank_score: float | None
    state: str | None
    resolution: str | None
    url: str | None
    created_at: datetime | None
    snippet: str = Field(description="The passage that says most about the query.")
    marks: list[tuple[int, int]] = Field(description="Where the query's words stand in it: start and end.")
    labels: list[str]


class Found(BaseModel):
    """Items, the best first."""

    items: list[ResultView]


class IncidentQuestion(BaseModel):
    """An incident that is to be analysed: one that is stored, or one that is described here."""

    incident: str | None = Field(default=None, max_length=512, description="The id of a stored incident.")
    source: str | None = Field(default=None, max_length=63, description="Its source, where the id is not unique.")
    again: bool = Field(default=False, description="Analyse it again although nothing has changed.")
    title: str | None = Field(default=None, max_length=1_000, description="What happened, in a sentence.")
    text: str = Field(default="", max_length=100_000, description="More about it: alerts, logs.")


class AnalysisView(BaseModel):
    """What to do about an incident, and from which evidence."""

    incident: str | None = Field(description="Its id; null where it was only described.")
    title: str
    status: str = Field(description="succeeded or failed.")
    error: str | None
    provider: str | None = Field(description="Who answered.")
    provider_asked: str = Field(description="Who was asked first.")
    fallback_reason: str | None = Field(description="Why another one answered than was asked.")
    model: str | None
    cost_usd: float | None = Field(description="null where it is not known.")
    masked: int = Field(description="Places that were masked in what was sent.")
    duration_ms: float
    recommendations: list[dict[str, Any]]
    evidence: list[dict[str, Any]]


def filters(
    kind: Several = None,
    source: Several = None,
    state: Several = None,
    label: Several = None,
    author: Several = None,
    before: Annotated[datetime | None, Query(description="Created before this moment.")] = None,
    after: Annotated[datetime | None, Query(description="Created at this moment or later.")] = None,
    updated_since: Annotated[datetime | None, Query(description="Changed at this moment or later.")] = None,
    exclude: Several = None,
) -> Filters:
    """What a result must be; several values of one filter mean any of them."""
    return Filters(
        kinds=tuple(kind or ()),
        sources=tuple(source or ()),
        states=tuple(state or ()),
        labels=tuple(label or ()),
        authors=tuple(author or ()),
        before=before,
        after=after,
        updated_since=updated_since,
        exclude=tuple(exclude or ()),
    )


Which = Annotated[Filters, Depends(filters)]


@router.get("/search", **needs(Role.VIEWER))
def search(
    asked: Asked,
    which: Which,
    q: Annotated[str, Query(min_length=1, max_length=LONGEST_QUERY, description="What to look for.")],
    k: K = 10,
    mode: Legs = Mode.HYBRID,
) -> Found:
    """Find issues, pull requests, commits, incidents and releases by meaning and words."""
    return _found(asked.tenant.search(q, k=k, mode=mode, filters=which))


@router.get("/similar", **needs(Role.VIEWER))
def similar(
    asked: Asked,
    which: Which,
    external_id: Annotated[str, Query(min_length=1, max_length=512, description="The item's id.")],
    of_source: Annotated[str | None, Query(description="Its source, where the id is not unique.")] = None,
    of_kind: Annotated[str | None, Query(description="Its kind, where the id is not unique.")] = None,
    k: K = 10,
    mode: Legs = Mode.HYBRID,
) -> Found:
    """Find what resembles an item."""
    found = asked.tenant.similar(external_id, source=of_source, kind=of_kind, k=k, mode=mode, filters=which)
    return _found([result for result in found if result.external_id != external_id])


@router.post("/analyses", **needs(Role.OPERATOR))
def analyse(asked: Asked, question: IncidentQuestion) -> AnalysisView:
    """What to do about an incident: its newest analysis, made now where it is missing or out of date.

    An incident that is only described is not stored.
    """
    if question.incident is not None:
        found = asked.tenant.recommend(question.incident, source=question.source, again=question.again)
    else:
        found = asked.tenant.recommend_for(question.title or question.text[:200], question.text)
    return AnalysisView.model_validate({name: found.get(name) for name in AnalysisView.model_fields})


def _found(results: list[Result]) -> Found:
    return Found(items=[ResultView.model_validate(result, from_attributes=True) for result in results])
