"""Driver `mistral`: Mistral's platform."""

from collections.abc import Sequence
from datetime import datetime
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
from precedent.providers.drivers.openai import messages_of
from precedent.providers.errors import FailureKind, ProviderError
from precedent.vectors.embedding import EmbeddingBatch, in_order

if TYPE_CHECKING:
    from mistralai.client import Mistral


class MistralDriver(Driver):
    """Mistral by its official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="mistral", title="Mistral", capabilities=frozenset(Capability), sdk="mistralai", extra="mistral",
        base_url="https://api.mistral.ai", default_models=defaults.MISTRAL, price_id="mistral",
        limits=BatchLimits(inputs=512, tokens=16_000, tokens_each=8192),
    )  # fmt: skip

    @cached_property
    def client(self) -> "Mistral":
        """The SDK's client; it retries only where it is told to."""
        from mistralai.client import Mistral

        return Mistral(
            api_key=self.settings.api_key, server_url=self.settings.base_url or self.info.base_url,
            timeout_ms=int(self.settings.timeout_s * 1000),
        )  # fmt: skip

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request."""
        extra: dict[str, Any] = {}
        if self.settings.dimensions and self.settings.options.get("send_dimensions"):
            extra["output_dimension"] = self.settings.dimensions
        answer = self.client.embeddings.create(model=self.settings.model, inputs=list(texts), **extra)
        items = [(index if item.index is None else item.index, item.embedding or [])
                 for index, item in enumerate(answer.data)]  # fmt: skip
        vectors = in_order(items, len(texts))
        return EmbeddingBatch(np.asarray(vectors, dtype=np.float32), answer.usage.prompt_tokens or 0)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by the SDK's structured output."""
        options = {name: self.settings.options[name] for name in ("temperature",) if name in self.settings.options}
        answer = self.client.chat.parse(
            request.schema, model=self.settings.model, messages=messages_of(request),
            max_tokens=request.max_output_tokens, **options,
        )  # fmt: skip
        if not answer.choices or answer.choices[0].message is None:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer holds no choice.")
        choice = answer.choices[0]
        if choice.finish_reason == "length":
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer was cut at max_output_tokens.")
        value = choice.message.parsed if choice.message else None
        if not isinstance(value, request.schema):
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer holds no object.")
        usage = TokenUsage(answer.usage.prompt_tokens or 0, answer.usage.completion_tokens or 0)
        return Completion(value, answer.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models that the key may use, with the day they end."""
        found = []
        for model in self.client.models.list().data or []:
            ends = getattr(model, "deprecation", None)
            shutdown = ends.date() if isinstance(ends, datetime) else None
            found.append(ModelInfo(str(getattr(model, "id", "")), shutdown, getattr(model, "max_context_length", None)))
        return found
