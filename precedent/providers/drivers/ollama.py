"""Driver `ollama`: models on a machine of one's own."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from precedent.providers.base import (
    BatchLimits,
    Capability,
    Completion,
    Driver,
    DriverInfo,
    Egress,
    GenerationRequest,
    ModelInfo,
    TokenUsage,
)
from precedent.providers.config import defaults
from precedent.providers.drivers.openai import messages_of
from precedent.providers.errors import FailureKind, ProviderError
from precedent.vectors.embedding import EmbeddingBatch

if TYPE_CHECKING:
    from ollama import Client


class OllamaDriver(Driver):
    """Ollama by its official client."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="ollama", title="Ollama", capabilities=frozenset(Capability), sdk="ollama", extra="ollama",
        needs_key=False, base_url="http://127.0.0.1:11434", egress=Egress.BY_ADDRESS,
        default_models=defaults.OLLAMA, free=True, limits=BatchLimits(inputs=256, tokens=100_000, tokens_each=2048),
    )  # fmt: skip

    @cached_property
    def client(self) -> "Client":
        """The client, with a timeout: it has none by itself."""
        from ollama import Client

        key = self.settings.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else None
        return Client(
            host=self.settings.base_url or self.info.base_url, timeout=self.settings.timeout_s, headers=headers
        )

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request; a text beyond the model's window is an error, never cut."""
        answer = self.client.embed(model=self.settings.model, input=list(texts), truncate=False)
        vectors = [list(vector) for vector in answer.embeddings]
        if len({len(vector) for vector in vectors}) > 1:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The vectors have different lengths.")
        return EmbeddingBatch(np.asarray(vectors, dtype=np.float32), answer.prompt_eval_count or 0)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; the schema constrains the decoding."""
        options: dict[str, Any] = {"num_predict": request.max_output_tokens}
        for name in ("temperature", "seed", "num_ctx"):
            if name in self.settings.options:
                options[name] = self.settings.options[name]
        answer = self.client.chat(
            model=self.settings.model, messages=messages_of(request), format=request.schema.model_json_schema(),
            options=options,
        )  # fmt: skip
        if answer.done_reason == "length":
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer was cut at max_output_tokens.")
        value = request.schema.model_validate_json(answer.message.content or "")
        usage = TokenUsage(answer.prompt_eval_count or 0, answer.eval_count or 0)
        return Completion(value, answer.model or self.settings.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models that were pulled."""
        return [ModelInfo((model.model or "").removesuffix(":latest")) for model in self.client.list().models]
