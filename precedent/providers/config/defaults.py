"""The one table of default models, and of names that end; a stored model name is never replaced."""

from dataclasses import dataclass
from datetime import date

from precedent.providers.base import Capability

TEXT, EMBEDDING = Capability.TEXT_GENERATION, Capability.EMBEDDING

OPENAI = {TEXT: "gpt-6-luna", EMBEDDING: "text-embedding-3-small"}
CLAUDE = {TEXT: "claude-haiku-5-5"}
GEMINI = {TEXT: "gemini-3.5-flash-lite", EMBEDDING: "gemini-embedding-001"}
GROK = {TEXT: "grok-4.3"}
MISTRAL = {TEXT: "mistral-small-latest", EMBEDDING: "mistral-embed"}
OLLAMA = {TEXT: "llama3.2", EMBEDDING: "nomic-embed-text"}

# Dimensions by model as published; a row's own figure is asserted against the first answer.
DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "gemini-embedding-001": 3072,
    "mistral-embed": 1024,
    "nomic-embed-text": 768,
    "all-minilm-l6-v2": 384,
}


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model that ends or has ended, and what takes its place."""

    ends: date | None
    instead: str


RETIREMENTS = {
    "gpt-4o-mini": Retirement(date(2027, 1, 14), OPENAI[TEXT]),
    "gpt-5-mini": Retirement(date(2026, 12, 11), OPENAI[TEXT]),
    "gpt-5-nano": Retirement(date(2026, 12, 11), OPENAI[TEXT]),
    "text-embedding-ada-002": Retirement(None, OPENAI[EMBEDDING]),
    "claude-sonnet-4-20250514": Retirement(date(2026, 6, 15), CLAUDE[TEXT]),
    "gemini-2.0-flash": Retirement(None, GEMINI[TEXT]),
    "text-embedding-004": Retirement(None, GEMINI[EMBEDDING]),
    "grok-3-mini": Retirement(None, GROK[TEXT]),
}


def retirement_warning(model: str, shutdown: date | None = None) -> str | None:
    """A sentence where a model ends or has ended; `shutdown` is what the provider itself says."""
    known = RETIREMENTS.get(model)
    ends = shutdown or (known.ends if known else None)
    if known is None and ends is None:
        return None
    when = f"ends on {ends.isoformat()}" if ends else "is retired or retiring"
    return f"The model {model} {when}" + (f": consider {known.instead}." if known else ".")
