"""Drivers that speak OpenAI's protocol: `openai`, `azure_openai`, `grok`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from precedent.providers.base import (
    BatchLimits,
    Capability,
    Completion,
    Driver,
    DriverInfo,
    GenerationRequest,
    ModelInfo,
    TokenUsage,
)
from precedent.providers.config import defaults
from precedent.providers.errors import FailureKind, ProviderError
from precedent.vectors.embedding import EmbeddingBatch, in_order

if TYPE_CHECKING:
    from openai import OpenAI

BOTH = frozenset(Capability)
COST_HEADER = "x-litellm-response-cost"


class OpenAIDriver(Driver):
    """OpenAI by its official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="openai", title="OpenAI", capabilities=BOTH, sdk="openai", extra="openai",
        base_url="https://api.openai.com/v1", default_models=defaults.OPENAI, price_id="openai",
        limits=BatchLimits(inputs=2048, tokens=300_000, tokens_each=8191),
    )  # fmt: skip

    @cached_property
    def client(self) -> "OpenAI":
        """The SDK's client; it never retries by itself, so that attempts are counted once."""
        from openai import OpenAI

        return OpenAI(
            api_key=self.settings.api_key or "none", base_url=self.settings.base_url or self.info.base_url,
            timeout=self.settings.timeout_s, max_retries=0, default_headers=self.headers(),
        )  # fmt: skip

    def headers(self) -> dict[str, str] | None:
        """Headers of every request, where the endpoint wants any."""
        return None

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request."""
        extra: dict[str, Any] = {}
        if self.settings.dimensions and self.settings.options.get("send_dimensions", self.cuts_dimensions()):
            extra["dimensions"] = self.settings.dimensions
        raw = self.client.embeddings.with_raw_response.create(
            model=self.settings.model, input=list(texts), encoding_format="float", **extra
        )
        answer = raw.parse()
        vectors = in_order([(item.index, item.embedding) for item in answer.data], len(texts))
        usage = getattr(answer, "usage", None)
        tokens = usage.prompt_tokens or 0 if usage else 0
        return EmbeddingBatch(np.asarray(vectors, dtype=np.float32), tokens, cost=reported_cost(raw.headers))

    def cuts_dimensions(self) -> bool:
        """Whether the model takes the parameter `dimensions`; older ones refuse it."""
        return "embedding-3" in self.settings.model

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by the SDK's own structured output."""
        raw = self.client.chat.completions.with_raw_response.parse(
            model=self.settings.model, messages=messages_of(request), response_format=request.schema,
            max_completion_tokens=request.max_output_tokens, **self.sampling(),
        )  # fmt: skip
        answer = raw.parse()
        if not answer.choices:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer holds no choice.")
        message = answer.choices[0].message
        if message.refusal:
            raise ProviderError(FailureKind.REFUSED, "The model refused to answer.")
        if message.parsed is None:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer holds no content.")
        return Completion(message.parsed, answer.model, usage_of(answer.usage), reported_cost(raw.headers))

    def sampling(self) -> dict[str, Any]:
        """Sampling parameters; only what the row configures, since some models refuse them."""
        names = ("temperature", "top_p", "reasoning_effort", "seed")
        return {name: self.settings.options[name] for name in names if name in self.settings.options}

    def models(self) -> list[ModelInfo]:
        """The endpoint's models, with the day they end where it says so."""
        return [
            ModelInfo(model.id, shutdown=_day(getattr(model, "shutdown_date", None)))
            for model in self.client.models.list()
        ]

    def close(self) -> None:
        """Close the client, if it was made."""
        if "client" in self.__dict__:
            self.client.close()


class AzureOpenAIDriver(OpenAIDriver):
    """Azure OpenAI; the model is the name of a deployment."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="azure_openai", title="Azure OpenAI", capabilities=BOTH, sdk="openai", extra="openai",
        needs_base_url=True, price_id="azure", limits=BatchLimits(inputs=2048, tokens=300_000, tokens_each=8191),
    )  # fmt: skip

    @cached_property
    def client(self) -> "OpenAI":
        """The SDK's client for a resource's endpoint."""
        from openai import AzureOpenAI

        return AzureOpenAI(
            api_key=self.settings.api_key, azure_endpoint=self.settings.base_url or "",
            api_version=str(self.settings.options.get("api_version", "2024-10-21")),
            timeout=self.settings.timeout_s, max_retries=0,
        )  # fmt: skip

    def models(self) -> list[ModelInfo]:
        """Deployments cannot be listed with a key of the data plane."""
        return []


class GrokDriver(OpenAIDriver):
    """xAI's Grok; it has no embeddings."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="grok", title="xAI Grok", capabilities=frozenset({Capability.TEXT_GENERATION}), sdk="openai",
        extra="grok", base_url="https://api.x.ai/v1", default_models=defaults.GROK, price_id="x-ai",
    )  # fmt: skip


def messages_of(request: GenerationRequest) -> Any:
    """Instructions and question as chat messages."""
    return [{"role": "system", "content": request.system}, {"role": "user", "content": request.prompt}]


def usage_of(usage: Any) -> TokenUsage:
    """Tokens as OpenAI counts them."""
    if usage is None:
        return TokenUsage()
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return TokenUsage(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached)


def reported_cost(headers: Mapping[str, str]) -> Decimal | None:
    """What a gateway says the call cost, in USD."""
    try:
        found = Decimal(headers.get(COST_HEADER) or "x")
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def _day(value: Any) -> Any:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).date()
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None
