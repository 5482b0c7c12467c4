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
    """How soon to act."""

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


class AnsweredRecommendation(Frozen):
    """A recommendation as a model writes it.

    Every field is required and of a plain type, so that each provider's structured output accepts the schema; the
    bounds are checked afterwards.
    """

    type: RecommendationType
    priority: Priority
    title: str
    description: str
    actions: list[str]
    probable_cause: str
    confidence: float
    evidence_ids: list[str]


class RecommendationAnswer(Frozen):
    """What a model is asked to answer with."""

    recommendations: list[AnsweredRecommendation]

    def recommendations_or_error(self) -> tuple[Recommendation, ...]:
        """The recommendations, if there is one and all are within bounds.

        Raises:
            ValueError: none, a confidence beyond 0 to 1, an empty text, or no action.
        """
        if not self.recommendations:
            raise ValueError("the answer holds no recommendation")
        for item in self.recommendations:
            if not item.title.strip() or not item.description.strip() or not any(a.strip() for a in item.actions):
                raise ValueError("a recommendation lacks its title, description or actions")
        return tuple(Recommendation.model_validate(item.model_dump()) for item in self.recommendations)


def drop_unknown_evidence(
    recommendations: tuple[Recommendation, ...], request: RecommendationRequest
) -> tuple[Recommendation, ...]:
    """The recommendations without citations of evidence that was not offered."""
    offered = {item.evidence_id for item in request.evidence}
    return tuple(
        item.model_copy(update={"evidence_ids": tuple(key for key in item.evidence_ids if key in offered)})
        for item in recommendations
    )
