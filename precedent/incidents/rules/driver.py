"""Driver `local`: recommendations from a rule pack and what the evidence says; no network, no cost.

A rule's strength is the noisy-or of the patterns that match, so that it saturates: 1 - prod(1 - weight), where a
match in the text alone counts TEXT_SHARE of its weight. Confidence is CEILING_ALONE * strength without evidence.
Each cited piece that fires the same rule closes part of the way to CEILING, a resolved one more of it.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from precedent.incidents.rules.pack import CompiledRule, load
from precedent.incidents.schema import (
    Evidence,
    IncidentFacts,
    Priority,
    Recommendation,
    RecommendationRequest,
    RecommendationType,
)
from precedent.providers.base import Capability, Driver, DriverInfo, Egress, ModelInfo
from precedent.providers.config.provider import Provider
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest

THRESHOLD = 0.42
MOST = 3
CITED = 4
TEXT_SHARE = 0.8
CEILING_ALONE = 0.6
CEILING = 0.95
AGREES, AGREES_AND_RESOLVED = 0.15, 0.3
# What is read of a text: the patterns take time in proportion to it, and its head holds the reports.
CHARACTERS = 40_000
# "not related to the database", "ruled out DNS", "no packet loss"
NEGATION = re.compile(
    r"\b(?:not|no|never|isn't|wasn't|aren't|weren't|without|ruled? out|unrelated to|rather than|instead of)"
    r"(?:\s+\w+){0,4}\s*$",
    re.IGNORECASE,
)
SERIOUS = {"critical", "major"}
RAISED = {
    Priority.LOW: Priority.MEDIUM,
    Priority.MEDIUM: Priority.HIGH,
    Priority.HIGH: Priority.CRITICAL,
    Priority.CRITICAL: Priority.CRITICAL,
}
RESOLVED = {"closed", "resolved", "merged", "done", "postmortem", "completed", "fixed"}


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that applies to an incident, and how strongly, 0 to 1."""

    compiled: CompiledRule
    strength: float


class LocalDriver(Driver):
    """Answers from the rule pack and from how the offered evidence was resolved."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="local",
        title="Rules, in this process",
        capabilities=frozenset({Capability.TEXT_GENERATION}),
        needs_key=False,
        egress=Egress.NEVER,
        default_models={Capability.TEXT_GENERATION: f"rules/{load()[0]}"},
        free=True,
        last_resort=True,
    )

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._version, self._rules = load()

    @property
    def model(self) -> str:
        """The rule pack and its version."""
        return f"rules/{self._version}"

    def models(self) -> list[ModelInfo]:
        """The one rule pack."""
        return [ModelInfo(self.model)]

    def generate(self, request: GenerationRequest) -> Completion:
        """The rules' recommendations for the request's data, in the shape of its schema.

        Raises:
            ProviderError: the data is no incident (INVALID_REQUEST).
        """
        if isinstance(request.data, request.schema):  # a health check: the answer is the question
            return Completion(request.data, self.model)
        if not isinstance(request.data, RecommendationRequest):
            raise ProviderError(FailureKind.INVALID_REQUEST, "The driver local answers about incidents only.")
        found = self.recommend(request.data)
        value = request.schema.model_validate({"recommendations": [item.model_dump(mode="json") for item in found]})
        return Completion(value, self.model)

    def recommend(self, request: RecommendationRequest) -> tuple[Recommendation, ...]:
        """Up to three recommendations, the strongest first; `general` only where no rule applies."""
        incident = request.incident
        fired = sorted(
            (
                Fired(rule, strength)
                for rule in self._rules
                if (strength := strength_of(rule, incident.title, incident.text)) >= THRESHOLD
            ),
            key=lambda item: -item.strength,
        )[:MOST]
        if not fired:
            general = next(r for r in self._rules if r.rule.type is RecommendationType.GENERAL)
            fired = [Fired(general, 0.3)]
        return tuple(recommend(item, incident, request.evidence) for item in fired)


def strength_of(rule: CompiledRule, title: str, text: str) -> float:
    """How strongly a rule applies, 0 to 1; a match in the title counts in full."""
    left = 1.0
    for pattern, weight in rule.patterns:
        if _affirmed(pattern, title[:CHARACTERS]):
            left *= 1 - weight
        elif _affirmed(pattern, text[:CHARACTERS]):
            left *= 1 - TEXT_SHARE * weight
    return 1 - left


def recommend(fired: Fired, incident: IncidentFacts, evidence: tuple[Evidence, ...]) -> Recommendation:
    """The recommendation of one rule, with the evidence that speaks for it."""
    rule = fired.compiled.rule
    agreeing = [item for item in evidence if strength_of(fired.compiled, item.title, item.snippet) >= THRESHOLD]
    others = [item for item in evidence if item not in agreeing]
    order = [*sorted(agreeing, key=lambda e: -e.score), *sorted(others, key=lambda e: -e.score)]
    cited = order[:CITED]
    precedents = [item for item in (agreeing or cited[:1]) if is_resolved(item)][:2]
    description = " ".join([rule.description, *(_sentence(item) for item in precedents)])
    actions = list(rule.actions)
    if precedents:
        actions.insert(0, f"Check whether what ended {_name(precedents[0])} applies again.")
    serious = (incident.impact or "").lower() in SERIOUS
    return Recommendation(
        type=rule.type,
        priority=RAISED[rule.priority] if serious else rule.priority,
        title=rule.title,
        description=description,
        actions=tuple(actions),
        probable_cause=rule.cause,
        confidence=round(_confidence(fired.strength, agreeing), 3),
        evidence_ids=tuple(item.evidence_id for item in cited),
    )


def is_resolved(item: Evidence) -> bool:
    """Whether it is known how this ended."""
    return bool(item.resolution) or (item.state or "").lower() in RESOLVED


def _confidence(strength: float, agreeing: list[Evidence]) -> float:
    confidence = CEILING_ALONE * strength
    for item in agreeing[:CITED]:
        confidence += (CEILING - confidence) * (AGREES_AND_RESOLVED if is_resolved(item) else AGREES) * strength
    return min(confidence, CEILING)


def _affirmed(pattern: re.Pattern[str], text: str) -> bool:
    return any(
        not NEGATION.search(text[max(0, match.start() - 60) : match.start()]) for match in pattern.finditer(text)
    )


def _name(item: Evidence) -> str:
    return f"{item.kind.replace('_', ' ')} {item.external_id}"


def _sentence(item: Evidence) -> str:
    when = f" ({item.created_at:%Y-%m-%d})" if item.created_at else ""
    ended = item.resolution or (item.state or "closed")
    return f"Before: {_name(item)} “{item.title}”{when}, ended: {' '.join(ended.split())[:200].rstrip('.')}."
