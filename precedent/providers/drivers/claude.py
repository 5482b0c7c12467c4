"""Driver `claude`: Anthropic's Messages interface; it has no embeddings."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precedent.providers.base import Capability, Driver, DriverInfo, ModelInfo
from precedent.providers.classification import paid
from precedent.providers.config import defaults
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage, figure, total

if TYPE_CHECKING:
    from anthropic import Anthropic


class ClaudeDriver(Driver):
    """Anthropic by its official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="claude",
        title="Anthropic Claude",
        capabilities=frozenset({Capability.TEXT_GENERATION}),
        sdk="anthropic",
        extra="claude",
        base_url="https://api.anthropic.com",
        default_models=defaults.CLAUDE,
        price_id="anthropic",
    )

    @cached_property
    def client(self) -> "Anthropic":
        """The SDK's client, without retries of its own and without redirects."""
        from anthropic import Anthropic, DefaultHttpxClient

        return Anthropic(
            api_key=self.provider.api_key,
            base_url=self.address,
            timeout=self.provider.performance.timeout_s,
            max_retries=0,
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by structured output; `messages.parse` would trip over a refusal's text."""
        from anthropic import transform_schema

        messages: Any = [{"role": role, "content": text} for role, text in request.turns]
        answer = self.client.messages.create(
            model=self.provider.model,
            max_tokens=request.max_output_tokens,
            system=request.system,
            messages=messages,
            output_config={"format": {"type": "json_schema", "schema": transform_schema(request.schema)}},
        )
        usage = _usage(figure(answer, "usage"))
        with paid(usage):
            stop = answer.stop_reason
            if stop == "refusal":
                raise ProviderError(FailureKind.REFUSED, "The model refused to answer.")
            if stop == "model_context_window_exceeded":
                raise ProviderError(FailureKind.CONTEXT_OVERFLOW, "The prompt does not fit the model's window.")
            text = "".join(block.text for block in answer.content if block.type == "text")
            if stop == "max_tokens" or not text:
                message = f"The answer ended early ({stop}) or holds no object."
                raise ProviderError(FailureKind.INVALID_ANSWER, message)
            return Completion.parse(request, text, answer.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models of the account."""
        return [ModelInfo(model.id) for model in self.client.models.list(limit=1000)]


def _usage(usage: Any) -> TokenUsage:
    """Anthropic counts cached tokens beside the input; here they are a part of it."""
    cached = figure(usage, "cache_read_input_tokens")
    written = figure(usage, "cache_creation_input_tokens")
    read = total(figure(usage, "input_tokens"), cached, written)
    return TokenUsage.reported(read, figure(usage, "output_tokens"), cached)
