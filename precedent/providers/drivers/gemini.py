"""Driver `gemini`: Google's Gemini API."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from precedent.providers.base import BatchLimits, Capability, Driver, DriverInfo, ModelInfo
from precedent.providers.classification import paid
from precedent.providers.config import defaults
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage, figure, total
from precedent.vectors.embedding import EmbeddingBatch, as_vectors

if TYPE_CHECKING:
    from google import genai

REFUSALS = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
ROLES = {"user": "user", "assistant": "model"}


class GeminiDriver(Driver):
    """Gemini by Google's official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="gemini",
        title="Google Gemini",
        capabilities=frozenset(Capability),
        sdk="google.genai",
        extra="gemini",
        base_url="https://generativelanguage.googleapis.com",
        default_models=defaults.GEMINI,
        price_id="google",
        limits=BatchLimits(inputs=100, tokens=20_000, tokens_each=2048),
    )

    @cached_property
    def client(self) -> "genai.Client":
        """The SDK's client; kept, because a temporary one closes its connections when it is collected."""
        from google import genai
        from google.genai import types

        timeout_ms = int(self.provider.performance.timeout_s * 1000)
        options = types.HttpOptions(base_url=self.address, timeout=timeout_ms, client_args={"follow_redirects": False})
        return genai.Client(api_key=self.provider.api_key, http_options=options)

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request, each in a content of its own: a list of strings gives one merged vector."""
        from google.genai import types

        answer = self.client.models.embed_content(
            model=self.provider.model,
            contents=[types.Content(parts=[types.Part(text=text)]) for text in texts],
            config=types.EmbedContentConfig(
                output_dimensionality=self.provider.dimensions, task_type=self.provider.options.task_type
            ),
        )
        usage = TokenUsage.reported(figure(answer, "usage_metadata", "prompt_token_count"))
        with paid(usage):
            vectors = as_vectors([item.values or [] for item in answer.embeddings or []])
            return EmbeddingBatch(_unit(vectors), usage.input)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by a JSON schema: the API's older `response_schema` refuses `additionalProperties`."""
        from google.genai import types

        answer = self.client.models.generate_content(
            model=self.provider.model,
            contents=[types.Content(role=ROLES[role], parts=[types.Part(text=text)]) for role, text in request.turns],
            config=types.GenerateContentConfig(
                system_instruction=request.system,
                max_output_tokens=request.max_output_tokens,
                response_mime_type="application/json",
                response_json_schema=request.schema.model_json_schema(),
                temperature=self.provider.options.temperature,
            ),
        )
        usage = _usage(answer.usage_metadata)
        with paid(usage):
            if reason := _refusal(answer):
                raise ProviderError(FailureKind.REFUSED, f"The model refused to answer ({reason}).")
            return Completion.parse(request, answer.text or "", answer.model_version or self.provider.model, usage)

    def models(self) -> list[ModelInfo]:
        """The models that the key may use."""
        return [
            ModelInfo((model.name or "").removeprefix("models/"), context_tokens=model.input_token_limit)
            for model in self.client.models.list()
        ]


def _refusal(answer: Any) -> str:
    """Why the model refused, or an empty string."""
    blocked = answer.prompt_feedback.block_reason if answer.prompt_feedback else None
    reason = answer.candidates[0].finish_reason if answer.candidates else None
    name = getattr(blocked or reason, "name", "") or ""
    if blocked:
        return name or "blocked"
    return name if name in REFUSALS else ""


def _usage(usage: Any) -> TokenUsage:
    output = total(figure(usage, "candidates_token_count"), figure(usage, "thoughts_token_count"))
    cached = figure(usage, "cached_content_token_count")
    return TokenUsage.reported(figure(usage, "prompt_token_count"), output, cached)


def _unit(vectors: Any) -> Any:
    """Vectors cut below the model's full dimension are not of length one any more."""
    if vectors.ndim != 2 or not vectors.size:
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=vectors.copy(), where=norms > 0)
