"""The wires that speak OpenAI's protocol: OpenAI itself, Azure, xAI and a LiteLLM-compatible gateway."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.wires.base import TOKENS_EACH, Vectors, Wire, bearer, finish
from precedent.testing.loopback import Request


class OpenAIWire(Wire):
    """OpenAI: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`."""

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "gpt-6-luna",
        Capability.EMBEDDING: "text-embedding-3-small",
    }
    reports_budget: ClassVar[bool] = True
    indexed: ClassVar[bool] = True
    listed: ClassVar[Sequence[ModelInfo]] = (ModelInfo("gpt-6-luna"), ModelInfo("gpt-old", date(2027, 1, 15)))

    def base_url(self, url: str) -> str:
        """See `Wire.base_url`."""
        return url + "/v1"

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`."""
        return bearer(request) == self.key

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        return Reply({"error": {"message": message, "type": "error", "param": None, "code": None, **more}}, status)

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        return list(request.json["input"]) if request.path.endswith("/embeddings") else None

    def wanted_dimensions(self, request: Request) -> int:
        """See `Wire.wanted_dimensions`."""
        return int(request.json.get("dimensions") or self.dimensions)

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """See `Wire.embedding`."""
        tokens = TOKENS_EACH * len(request.json["input"])
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in vectors]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return self.priced({"object": "list", "model": self.served(request), "data": data, "usage": usage})

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return request.path.endswith("/chat/completions")

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if step.behaviour is Behaviour.REFUSAL:
            message.update(content=None, refusal=content)
        usage = {
            "prompt_tokens": self.usage.input,
            "completion_tokens": self.usage.output,
            "total_tokens": self.usage.input + self.usage.output,
            "prompt_tokens_details": {"cached_tokens": self.usage.cached},
        }
        return self.priced(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": self.served(request),
                "choices": [{"index": 0, "finish_reason": finish(step), "message": message}],
                "usage": usage,
            }
        )

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        message = "This model's maximum context length is 8192 tokens, however you requested 9000 tokens."
        return self.error(400, message, type="invalid_request_error", code="context_length_exceeded")

    def too_many(self, limit: int) -> Reply:
        """See `Wire.too_many`."""
        message = f"Invalid 'input': array too long. Expected an array with maximum length {limit}."
        return self.error(400, message, type="invalid_request_error", code="array_above_max_length")

    def over_budget(self, status: int) -> Reply:
        """See `Wire.over_budget`."""
        return self.error(
            status or 422, "Budget has been exceeded! Current cost: 2.0, Max budget: 1.0", type="budget_exceeded"
        )

    def other(self, request: Request) -> Reply | None:
        """The list of models."""
        if not request.path.endswith("/models"):
            return None
        data = [
            {"id": model.id, "object": "model", "created": 1, "owned_by": "test"}
            | ({"shutdown_date": model.shutdown.isoformat()} if model.shutdown else {})
            for model in self.listed
        ]
        return Reply({"object": "list", "data": data})

    def served(self, request: Request) -> str:
        """The model that the answer names."""
        return str(request.json["model"])

    def priced(self, body: dict[str, Any]) -> Reply:
        """An answer, with its cost where the endpoint says one."""
        return Reply(body, headers={"x-litellm-response-cost": str(self.cost)} if self.cost is not None else {})


class AzureWire(OpenAIWire):
    """Azure OpenAI: a deployment in the path, a version in the query, the key in `api-key`."""

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "our-writer",
        Capability.EMBEDDING: "our-vectors",
    }
    listed: ClassVar[Sequence[ModelInfo]] = ()

    def base_url(self, url: str) -> str:
        """See `Wire.base_url`."""
        return url

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`."""
        return request.headers.get("api-key") == self.key

    def texts(self, request: Request) -> list[str] | None:
        """See `Wire.texts`."""
        return list(request.json["input"]) if _is_deployment(request, "embeddings") else None

    def asks_text(self, request: Request) -> bool:
        """See `Wire.asks_text`."""
        return _is_deployment(request, "chat/completions")

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """Azure refuses a prompt by an error of its content filter."""
        if step.behaviour is Behaviour.REFUSAL:
            message = "The response was filtered due to the prompt triggering the content management policy."
            return self.error(400, message, code="content_filter")
        return super().completion(request, content, step)

    def too_many(self, limit: int) -> Reply:
        """See `Wire.too_many`."""
        return self.error(400, f"Too many inputs. The max number of inputs is {limit}.", code="BadRequest")


class GrokWire(OpenAIWire):
    """xAI: OpenAI's protocol, with errors of its own shape and no embeddings."""

    models: ClassVar[Mapping[Capability, str]] = {Capability.TEXT_GENERATION: "grok-4.3"}

    def error(self, status: int, message: str, **more: str) -> Reply:
        """See `Wire.error`."""
        return Reply({"code": more.get("type", "The request failed"), "error": message}, status)

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        message = "This model's maximum prompt length is 131072 but the request contains 537812 tokens."
        return self.error(400, message, type="Client specified an invalid argument")


class GatewayWire(OpenAIWire):
    """A LiteLLM-compatible proxy: OpenAI's protocol, a cost header, and its interfaces for keys and costs.

    Attributes:
        json_schema: Whether the model behind it takes `response_format` of type `json_schema`.
        offers: Whether the key may use the proxy's own interfaces; else the status of the answer.
    """

    cost: ClassVar[Decimal | None] = Decimal("0.0000125")

    def __init__(
        self, key: str = "key-of-the-contract-0123456789", *, json_schema: bool = True, offers: int = 200
    ) -> None:
        super().__init__(key)
        self.json_schema = json_schema
        self.offers = offers

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """See `Wire.completion`."""
        form = (request.json.get("response_format") or {}).get("type")
        if form == "json_schema" and not self.json_schema:
            return self.error(400, "litellm.BadRequestError: response_format of type json_schema is not supported")
        return super().completion(request, content, step)

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        return self.error(400, "litellm.ContextWindowExceededError: litellm.BadRequestError: the prompt is 9000 tokens")

    def other(self, request: Request) -> Reply | None:
        """The list of models, the key's figures, the price of an answer."""
        path = request.path
        if path not in ("/key/info", "/spend/calculate"):
            return super().other(request)
        if self.offers != 200:
            return self.error(self.offers, "Only proxy admin can be used to generate, delete, update info.")
        if path == "/key/info":
            return Reply({"key": "hash", "info": {"spend": 0.5, "max_budget": 2.0, "rpm_limit": 60, "blocked": False}})
        usage = request.json["completion_response"]["usage"]
        return Reply({"cost": usage["prompt_tokens"] * 1e-6 + usage["completion_tokens"] * 2e-6})


def _is_deployment(request: Request, operation: str) -> bool:
    named = request.json and request.path == f"/openai/deployments/{request.json.get('model')}/{operation}"
    return bool(named) and "api-version" in request.query
