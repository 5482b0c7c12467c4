"""The wire of Ollama, and of a proxy in front of it that asks for a key."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Reply, Step
from precedent.providers.testing.wires.base import TOKENS_EACH, Vectors, Wire, bearer, finish
from precedent.providers.tokens import TokenUsage
from precedent.testing.loopback import Request


class OllamaWire(Wire):
    """`/api/chat`, `/api/embed`, `/api/tags`."""

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "llama3.2",
        Capability.EMBEDDING: "nomic-embed-text",
    }
    refuses: ClassVar[bool] = False
    shows_headers: ClassVar[bool] = False
    limits_inputs: ClassVar[bool] = False
    usage: ClassVar[TokenUsage] = TokenUsage(42, 17)
    listed: ClassVar[Sequence[ModelInfo]] = (ModelInfo("llama3.2"), ModelInfo("nomic-embed-text"))

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`; without a key everybody may ask."""
        return not self.key or bearer(request) == self.key

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        return Reply({"error": message}, status)

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        return list(request.json["input"]) if request.path == "/api/embed" else None

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """See `Wire.embedding`."""
        tokens = TOKENS_EACH * len(request.json["input"])
        return Reply(
            {"model": request.json["model"], "embeddings": [v for _, v in vectors], "prompt_eval_count": tokens}
        )

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return request.path == "/api/chat"

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`."""
        return Reply(
            {
                "model": request.json["model"],
                "created_at": "2026-01-01T00:00:00Z",
                "done": True,
                "done_reason": finish(step),
                "message": {"role": "assistant", "content": content},
                "prompt_eval_count": self.usage.input,
                "eval_count": self.usage.output,
            }
        )

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        return self.error(400, "the input length exceeds the context length")

    def other(self, request: Request) -> Reply | None:
        """The models that were pulled."""
        if request.path != "/api/tags":
            return None
        return Reply({"models": [{"model": f"{model.id}:latest"} for model in self.listed]})
