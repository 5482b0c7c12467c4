"""What every provider of recommendations is asked and answers."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A value: immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RecommendationType(StrEnum):
    """What kind of trouble a recommendation is about."""

    MEMORY = "memory"
    DISK = "disk"
    CPU = "cpu"
    NETWORK = "network"
    PROCESS = "process"
    DATABASE = "database"
    LATENCY = "latency"
    DEPLOYMENT_ERRORS = "deployment_errors"
    CERTIFICATE = "certificate"
    DNS = "dns"
    AUTHENTICATION = "authentication"
    CAPACITY = "capacity"
    THIRD_PARTY = "third_party"
    GENERAL = "general"


class Priority(StrEnum):
    """How soon somebody should act."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Evidence(Frozen):
    """Something the tenant knew before; `evidence_id` is `kind:source:external_id`."""

    evidence_id: str
    kind: str
    source: str
    external_id: str
    title: str
    snippet: str
    score: float
    url: str | None = None
    state: str | None = None
    resolution: str | None = None
    created_at: datetime | None = None


class IncidentFacts(Frozen):
    """The incident, in clean text."""

    external_id: str
    title: str
    text: str
    impact: str | None = None
    components: tuple[str, ...] = ()
    state: str | None = None
    created_at: datetime | None = None


class Recommendation(Frozen):
    """One thing to do, why, and what it rests on."""

    type: RecommendationType
    priority: Priority
    title: str
    description: str
    actions: tuple[str, ...] = Field(min_length=1)
    probable_cause: str
    confidence: float = Field(ge=0, le=1)
    evidence_ids: tuple[str, ...] = ()


class RecommendationRequest(Frozen):
    """An incident and the evidence that may be cited."""

    incident: IncidentFacts
    evidence: tuple[Evidence, ...] = ()


class Generation(Frozen):
    """A provider's answer and what it cost in tokens."""

    recommendations: tuple[Recommendation, ...]
    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0


def drop_unknown_evidence(generation: Generation, request: RecommendationRequest) -> Generation:
    """The answer without citations of evidence that was not offered."""
    offered = {item.evidence_id for item in request.evidence}
    return generation.model_copy(
        update={
            "recommendations": tuple(
                item.model_copy(update={"evidence_ids": tuple(key for key in item.evidence_ids if key in offered)})
                for item in generation.recommendations
            )
        }
    )
