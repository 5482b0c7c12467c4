"""The wire of Mistral's platform."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Reply, Step
from precedent.providers.testing.wires.base import TOKENS_EACH, Vectors, Wire, bearer, finish
from precedent.providers.tokens import TokenUsage
from precedent.testing.loopback import Request


class MistralWire(Wire):
    """`/v1/chat/completions`, `/v1/embeddings`, `/v1/models`: near OpenAI's, with errors of its own shape."""

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "mistral-small-latest",
        Capability.EMBEDDING: "mistral-embed",
    }
    refuses: ClassVar[bool] = False
    indexed: ClassVar[bool] = True
    usage: ClassVar[TokenUsage] = TokenUsage(42, 17)
    listed: ClassVar[Sequence[ModelInfo]] = (
        ModelInfo("mistral-small-latest", context_tokens=131_072),
        ModelInfo("mistral-old", date(2027, 1, 15), 32_768),
    )

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`."""
        return bearer(request) == self.key

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        body = {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": None}
        return Reply({**body, **more}, status)

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        return list(request.json["input"]) if request.path == "/v1/embeddings" else None

    def wanted_dimensions(self, request: Request) -> int:
        """See `Wire.wanted_dimensions`."""
        return int(request.json.get("output_dimension") or self.dimensions)

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """See `Wire.embedding`."""
        tokens = TOKENS_EACH * len(request.json["input"])
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in vectors]
        usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        return Reply({"id": "1", "object": "list", "model": request.json["model"], "data": data, "usage": usage})

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return request.path == "/v1/chat/completions"

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`."""
        message = {"role": "assistant", "content": content, "tool_calls": None}
        usage = {"prompt_tokens": self.usage.input, "completion_tokens": self.usage.output, "total_tokens": 59}
        return Reply(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": request.json["model"],
                "usage": usage,
                "choices": [{"index": 0, "finish_reason": finish(step), "message": message}],
            }
        )

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        message = (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"
        )
        return self.error(400, message, type="invalid_request_prompt", code="3051")

    def too_many(self, limit: int) -> Reply:
        """See `Wire.too_many`."""
        return self.error(400, "Too many inputs in request, split into more batches.", code="3210")

    def other(self, request: Request) -> Reply | None:
        """The list of models."""
        if request.path != "/v1/models":
            return None
        data: list[dict[str, Any]] = [
            {
                "id": model.id,
                "object": "model",
                "capabilities": {},
                "max_context_length": model.context_tokens,
                "type": "base",
                "deprecation": model.shutdown and f"{model.shutdown.isoformat()}T00:00:00Z",
            }
            for model in self.listed
        ]
        return Reply({"object": "list", "data": data})
