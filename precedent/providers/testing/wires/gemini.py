"""The wire of Google's Gemini API."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.wires.base import TOKENS_EACH, Vectors, Wire
from precedent.testing.loopback import Request

THOUGHTS = 7
VERSIONED = re.compile(r"^/v1(beta)?/models/")
NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GeminiWire(Wire):
    """`models/{name}:generateContent`, `:batchEmbedContents`, `:embedContent`, and the list of models."""

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "gemini-3.5-flash-lite",
        Capability.EMBEDDING: "gemini-embedding-001",
    }
    listed: ClassVar[Sequence[ModelInfo]] = (
        ModelInfo("gemini-3.5-flash-lite", context_tokens=1_048_576),
        ModelInfo("gemini-embedding-001", None, 2048),
    )

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`."""
        return request.headers.get("x-goog-api-key") == self.key

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        body: dict[str, Any] = {"code": status, "message": message, "status": NAMES.get(status, "UNKNOWN")}
        if "reason" in more:
            body["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": more["reason"]}]
        return Reply({"error": body}, status)

    def wrong_key(self, shown: str) -> Reply:
        """Google answers an unknown key with 400."""
        return self.error(400, f"API key not valid. Please pass a valid API key: {shown}.", reason="API_KEY_INVALID")

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        operation = request.path.rpartition(":")[2]
        if operation == "batchEmbedContents":
            return [_text(item["content"]) for item in request.json["requests"]]
        return [_text(request.json["content"])] if operation == "embedContent" else None

    def wanted_dimensions(self, request: Request) -> int:
        """See `Wire.wanted_dimensions`."""
        first = request.json["requests"][0] if "requests" in request.json else request.json
        nested = first.get("embedContentConfig") or {}
        return int(first.get("outputDimensionality") or nested.get("outputDimensionality") or self.dimensions)

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """See `Wire.embedding`."""
        values = [{"values": vector} for _, vector in vectors]
        found = {"embeddings": values} if "requests" in request.json else {"embedding": values[0]}
        tokens = TOKENS_EACH * len(request.json.get("requests", [None]))
        return Reply({**found, "usageMetadata": {"promptTokenCount": tokens}})

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return VERSIONED.match(request.path) is not None and request.path.endswith(":generateContent")

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`; a blocked prompt has no candidate."""
        usage = {
            "promptTokenCount": self.usage.input,
            "candidatesTokenCount": self.usage.output - THOUGHTS,
            "thoughtsTokenCount": THOUGHTS,
            "cachedContentTokenCount": self.usage.cached,
        }
        if "additional" in json.dumps(request.json["generationConfig"].get("responseSchema")):
            return self.error(400, "Unknown name \"additional_properties\" at 'generation_config.response_schema'")
        name = VERSIONED.sub("", request.path).partition(":")[0]
        answer: dict[str, Any] = {"usageMetadata": usage, "modelVersion": name}
        if step.behaviour is Behaviour.REFUSAL:
            return Reply({**answer, "promptFeedback": {"blockReason": "SAFETY"}})
        finish = "MAX_TOKENS" if step.behaviour is Behaviour.CUT else "STOP"
        candidate = {"content": {"role": "model", "parts": [{"text": content}]}, "finishReason": finish, "index": 0}
        return Reply({**answer, "candidates": [candidate]})

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        return self.error(
            400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        )

    def too_many(self, limit: int) -> Reply:
        """See `Wire.too_many`."""
        return self.error(400, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch")

    def other(self, request: Request) -> Reply | None:
        """The list of models."""
        if request.path not in ("/v1/models", "/v1beta/models"):
            return None
        models = [{"name": f"models/{model.id}", "inputTokenLimit": model.context_tokens} for model in self.listed]
        return Reply({"models": models})


def _text(content: dict[str, Any]) -> str:
    return "".join(part["text"] for part in content["parts"])
