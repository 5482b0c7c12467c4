"""Driver `mistral`: Mistral's platform."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precedent.providers.base import BatchLimits, Capability, Driver, DriverInfo, ModelInfo
from precedent.providers.classification import paid
from precedent.providers.config import defaults
from precedent.providers.drivers.openai import messages_of
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage, figure
from precedent.vectors.embedding import EmbeddingBatch, in_order

if TYPE_CHECKING:
    from mistralai.client import Mistral


class MistralDriver(Driver):
    """Mistral by its official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="mistral",
        title="Mistral",
        capabilities=frozenset(Capability),
        sdk="mistralai",
        extra="mistral",
        base_url="https://api.mistral.ai",
        default_models=defaults.MISTRAL,
        price_id="mistral",
        limits=BatchLimits(inputs=512, tokens=16_000, tokens_each=8192),
    )

    @cached_property
    def client(self) -> "Mistral":
        """The SDK's client; it retries only where it is told to, and follows no redirect."""
        import httpx2
        from mistralai.client import Mistral

        return Mistral(
            api_key=self.provider.api_key,
            server_url=self.address,
            client=httpx2.Client(follow_redirects=False),
            timeout_ms=int(self.provider.performance.timeout_s * 1000),
        )

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request."""
        extra: dict[str, Any] = {}
        if self.provider.options.send_dimensions and self.provider.dimensions:
            extra["output_dimension"] = self.provider.dimensions
        answer = self.client.embeddings.create(model=self.provider.model, inputs=list(texts), **extra)
        usage = _usage(answer.usage)
        with paid(usage):
            items = [
                (index if item.index is None else item.index, item.embedding or [])
                for index, item in enumerate(answer.data)
            ]
            return EmbeddingBatch(in_order(items, len(texts)), usage.input)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by structured output; the SDK's own reading of it loses what a bad answer cost."""
        from mistralai.extra import response_format_from_pydantic_model

        answer = self.client.chat.complete(
            model=self.provider.model,
            messages=messages_of(request),
            response_format=response_format_from_pydantic_model(request.schema),
            max_tokens=request.max_output_tokens,
            **self.provider.options.given("temperature"),
        )
        usage = _usage(answer.usage)
        with paid(usage):
            choice = answer.choices[0]
            if choice.finish_reason == "length":
                raise ProviderError(FailureKind.INVALID_ANSWER, "The answer was cut at max_output_tokens.")
            return Completion.parse(request, _text(choice.message), answer.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models that the key may use, with the day they end."""
        found = []
        for model in self.client.models.list().data or []:
            ends = getattr(model, "deprecation", None)
            shutdown = ends.date() if isinstance(ends, datetime) else None
            found.append(ModelInfo(str(getattr(model, "id", "")), shutdown, getattr(model, "max_context_length", None)))
        return found


def _usage(usage: Any) -> TokenUsage:
    return TokenUsage.reported(figure(usage, "prompt_tokens"), figure(usage, "completion_tokens"))


def _text(message: Any) -> str:
    """What the model wrote: a text, or parts of which some are text."""
    content = message.content or ""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if part.type == "text")
