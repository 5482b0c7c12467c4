"""The wire of Anthropic's Messages interface."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.wires.base import Vectors, Wire, bearer
from precedent.testing.loopback import Request

WRITTEN = 3


class AnthropicWire(Wire):
    """`/v1/messages` and `/v1/models`; there are no embeddings."""

    models: ClassVar[Mapping[Capability, str]] = {Capability.TEXT_GENERATION: "claude-haiku-5-5"}
    listed: ClassVar[Sequence[ModelInfo]] = (ModelInfo("claude-haiku-5-5"), ModelInfo("claude-opus-5"))

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`; newer SDKs show the key as a bearer token."""
        shown = request.headers.get("x-api-key") or bearer(request)
        return shown == self.key and "anthropic-version" in request.headers

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        names = {
            401: "authentication_error",
            413: "request_too_large",
            429: "rate_limit_error",
            529: "overloaded_error",
        }
        kind = more.get("type", names.get(status, "invalid_request_error" if status < 500 else "api_error"))
        return Reply({"type": "error", "error": {"type": kind, "message": message}}, status)

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        return None

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """See `Wire.embedding`."""
        return self.error(404, "There are no embeddings.")

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return request.path == "/v1/messages"

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`; a refusal and a cut leave whatever text was written so far."""
        stop = {Behaviour.REFUSAL: "refusal", Behaviour.CUT: "max_tokens"}.get(step.behaviour, "end_turn")
        usage: dict[str, Any] = {
            "input_tokens": self.usage.input - self.usage.cached - WRITTEN,
            "output_tokens": self.usage.output,
            "cache_read_input_tokens": self.usage.cached,
            "cache_creation_input_tokens": WRITTEN,
        }
        return Reply(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": request.json["model"],
                "content": [{"type": "text", "text": content}],
                "stop_reason": stop,
                "stop_sequence": None,
                "usage": usage,
            }
        )

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        return self.error(400, "prompt is too long: 208310 tokens > 200000 maximum")

    def other(self, request: Request) -> Reply | None:
        """The list of models."""
        if request.path != "/v1/models":
            return None
        data = [
            {"type": "model", "id": model.id, "display_name": model.id, "created_at": "2026-01-01T00:00:00Z"}
            for model in self.listed
        ]
        return Reply({"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})
