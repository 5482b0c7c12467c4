"""What the contract asks a text provider, and what the provider on loopback answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from precedent.providers.generation import GenerationRequest

SYSTEM, PROMPT = "You answer with suggestions.", "What helps against an exhausted pool?"


class Urgency(StrEnum):
    """When a suggestion is to be followed."""

    NOW = "now"
    LATER = "later"


class Suggestion(BaseModel):
    """One thing to do: every plain type that structured outputs have to take."""

    model_config = ConfigDict(extra="forbid")

    title: str
    urgency: Urgency
    actions: list[str]
    confidence: float


class Suggestions(BaseModel):
    """The answer: a list of objects."""

    model_config = ConfigDict(extra="forbid")

    suggestions: list[Suggestion]


ANSWER: Mapping[str, Any] = {
    "suggestions": [
        {
            "title": "Raise the pool's limit",
            "urgency": "now",
            "actions": ["Raise max_connections", "Restart"],
            "confidence": 0.75,
        }
    ]
}


def question() -> GenerationRequest:
    """The request that the contract sends."""
    return GenerationRequest(SYSTEM, PROMPT, Suggestions, max_output_tokens=500)
