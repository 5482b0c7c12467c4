"""Driver `ollama`: models on a machine of your own."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from precedent.providers.base import BatchLimits, Capability, Driver, DriverInfo, Egress, ModelInfo
from precedent.providers.classification import paid
from precedent.providers.config import defaults
from precedent.providers.drivers.openai import messages_of
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage
from precedent.vectors.embedding import EmbeddingBatch, as_vectors

if TYPE_CHECKING:
    from ollama import Client


class OllamaDriver(Driver):
    """Ollama by its official client."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="ollama",
        title="Ollama",
        capabilities=frozenset(Capability),
        sdk="ollama",
        extra="ollama",
        needs_key=False,
        base_url="http://127.0.0.1:11434",
        egress=Egress.BY_ADDRESS,
        default_models=defaults.OLLAMA,
        free=True,
        limits=BatchLimits(inputs=256, tokens=100_000, tokens_each=2048),
    )

    @cached_property
    def client(self) -> "Client":
        """The client, with a timeout, which it has not by itself, and without redirects."""
        from ollama import Client

        key = self.provider.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else None
        timeout = self.provider.performance.timeout_s
        return Client(host=self.address, timeout=timeout, headers=headers, follow_redirects=False)

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request; a text beyond the model's window is an error, never cut."""
        answer = self.client.embed(model=self.provider.model, input=list(texts), truncate=False)
        usage = TokenUsage.reported(answer.prompt_eval_count)
        with paid(usage):
            return EmbeddingBatch(as_vectors(answer.embeddings), usage.input)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; the schema constrains the decoding."""
        answer = self.client.chat(
            model=self.provider.model,
            messages=messages_of(request),
            format=request.schema.model_json_schema(),
            options={
                "num_predict": request.max_output_tokens,
                **self.provider.options.given("temperature", "seed", "num_ctx"),
            },
        )
        usage = TokenUsage.reported(answer.prompt_eval_count, answer.eval_count)
        with paid(usage):
            if answer.done_reason == "length":
                raise ProviderError(FailureKind.INVALID_ANSWER, "The answer was cut at max_output_tokens.")
            return Completion.parse(request, answer.message.content or "", answer.model or self.provider.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models that were pulled."""
        return [ModelInfo((model.model or "").removesuffix(":latest")) for model in self.client.list().models]
