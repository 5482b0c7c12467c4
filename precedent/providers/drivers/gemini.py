"""Driver `gemini`: Google's Gemini API."""

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
    GenerationRequest,
    ModelInfo,
    TokenUsage,
)
from precedent.providers.config import defaults
from precedent.providers.errors import FailureKind, ProviderError
from precedent.vectors.embedding import EmbeddingBatch

if TYPE_CHECKING:
    from google import genai

REFUSALS = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")


class GeminiDriver(Driver):
    """Gemini by Google's official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="gemini", title="Google Gemini", capabilities=frozenset(Capability), sdk="google.genai", extra="gemini",
        base_url="https://generativelanguage.googleapis.com", default_models=defaults.GEMINI, price_id="google",
        limits=BatchLimits(inputs=100, tokens=20_000, tokens_each=2048),
    )  # fmt: skip

    @cached_property
    def client(self) -> "genai.Client":
        """The SDK's client; kept, because a temporary one closes its connections when it is collected."""
        from google import genai
        from google.genai import types

        return genai.Client(
            api_key=self.settings.api_key,
            http_options=types.HttpOptions(
                base_url=self.settings.base_url or self.info.base_url, timeout=int(self.settings.timeout_s * 1000)
            ),
        )

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request, each in a content of its own: a list of strings gives one merged vector."""
        from google.genai import types

        answer = self.client.models.embed_content(
            model=self.settings.model,
            contents=[types.Content(parts=[types.Part(text=text)]) for text in texts],
            config=types.EmbedContentConfig(
                output_dimensionality=self.settings.dimensions, task_type=self.settings.options.get("task_type")
            ),
        )
        vectors = [item.values or [] for item in answer.embeddings or []]
        if len({len(vector) for vector in vectors}) > 1:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The vectors have different lengths.")
        tokens = answer.usage_metadata.prompt_token_count if answer.usage_metadata else 0
        return EmbeddingBatch(_unit(np.asarray(vectors, dtype=np.float32)), tokens or 0)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by a JSON schema: the API's older `response_schema` refuses `additionalProperties`."""
        from google.genai import types

        answer = self.client.models.generate_content(
            model=self.settings.model,
            contents=request.prompt,
            config=types.GenerateContentConfig(
                system_instruction=request.system, max_output_tokens=request.max_output_tokens,
                response_mime_type="application/json", response_json_schema=request.schema.model_json_schema(),
                temperature=self.settings.options.get("temperature"),
            ),
        )  # fmt: skip
        _refused(answer)
        value = request.schema.model_validate_json(answer.text or "")
        return Completion(value, answer.model_version or self.settings.model, _usage(answer.usage_metadata))

    def models(self) -> list[ModelInfo]:
        """The models that the key may use."""
        return [
            ModelInfo((model.name or "").removeprefix("models/"), context_tokens=model.input_token_limit)
            for model in self.client.models.list()
        ]

    def close(self) -> None:
        """Close the client, if it was made."""
        if "client" in self.__dict__:
            self.client.close()


def _refused(answer: Any) -> None:
    blocked = answer.prompt_feedback.block_reason if answer.prompt_feedback else None
    reason = answer.candidates[0].finish_reason if answer.candidates else None
    name = getattr(blocked or reason, "name", "") or ""
    if blocked or name in REFUSALS:
        raise ProviderError(FailureKind.REFUSED, f"The model refused to answer ({name}).")


def _usage(usage: Any) -> TokenUsage:
    if usage is None:
        return TokenUsage()
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return TokenUsage(usage.prompt_token_count or 0, output, usage.cached_content_token_count or 0)


def _unit(vectors: Any) -> Any:
    """Vectors cut below the model's full dimension are not of length one any more."""
    if vectors.ndim != 2 or not vectors.size:
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=vectors.copy(), where=norms > 0)
