"""Providers on loopback for the tests of the commands: they know their models, and no other key."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, ClassVar

import orjson
import psycopg

from precedent.providers.base import ModelInfo
from precedent.providers.testing.behaviour import Reply, Step, vector_of
from precedent.providers.testing.wires.base import Vectors
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.testing.loopback import Request

Call = Callable[..., tuple[int, str, str]]
Add = list[object]
KEY = "sk-planted-Zq7R2mVx94KdWt"
# What a model writes that is asked about an incident.
RECOMMENDATION: dict[str, Any] = {
    "recommendations": [
        {
            "type": "database",
            "priority": "high",
            "title": "Raise the pool's limit",
            "description": "The pool is exhausted, as it was before.",
            "actions": ["Raise max_connections", "Restart"],
            "probable_cause": "A connection leak.",
            "confidence": 0.75,
            "evidence_ids": ["incident:servicenow:INC-1"],
        }
    ]
}
TEXT, VECTORS = "text_generation", "embedding"


class KnowingWire(OpenAIWire):
    """OpenAI's protocol of an endpoint that offers four models, and knows no other."""

    listed: ClassVar[Sequence[ModelInfo]] = (
        ModelInfo("gpt-6-luna"),
        ModelInfo("gpt-5-mini"),
        ModelInfo("gpt-old", date(2027, 1, 15)),
        ModelInfo("vectors-1"),
    )

    def __init__(self, key: str = KEY) -> None:
        super().__init__(key)

    def respond(self, request: Request, step: Step) -> Reply:
        model = request.json.get("model") if isinstance(request.json, dict) else None
        known = {offered.id for offered in self.listed}
        if model is not None and model not in known and self.authorised(request):
            return self.error(404, f"The model `{model}` does not exist.", code="model_not_found")
        return super().respond(request, step)


class OtherVectorsWire(KnowingWire):
    """The same names, other weights: its vectors of the same texts are other ones."""

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        texts = request.json["input"]
        return super().embedding(request, [(place, vector_of(f"other {texts[place]}", 8)) for place, _ in vectors])


def parsed(answer: tuple[int, str, str]) -> Any:
    """The JSON that a command printed; it must have succeeded."""
    code, out, error = answer
    assert code == 0, error
    return orjson.loads(out)


def stored(owner_dsn: str, tenant: str) -> list[tuple[Any, ...]]:
    """Everything that a tenant has configured, behind row-level security and as it lies on disk."""
    with psycopg.connect(owner_dsn) as connection:
        found: list[tuple[Any, ...]] = []
        for table in ("integrations", "ai_policies", "ai_preferences"):
            found += connection.execute(
                f"SELECT to_jsonb(x)::text FROM {table} x JOIN tenants t ON t.id = x.tenant_id WHERE t.name = %s "
                "ORDER BY 1",
                (tenant,),
            ).fetchall()
        return found


def health(owner_dsn: str, tenant: str, provider: str) -> tuple[Any, ...] | None:
    """The breaker of a provider: its revision, outages in a row, whether it is open."""
    with psycopg.connect(owner_dsn) as connection:
        return connection.execute(
            "SELECT h.revision, h.failures, h.open_until IS NOT NULL FROM provider_health h "
            "JOIN tenants t ON t.id = h.tenant_id WHERE t.name = %s AND h.provider = %s",
            (tenant, provider),
        ).fetchone()
