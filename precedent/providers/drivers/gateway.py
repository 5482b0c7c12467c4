"""Driver `gateway`: any proxy that speaks OpenAI's protocol, LiteLLM's cost and key interfaces where it has them."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel

from precedent.providers.base import BatchLimits, DriverInfo
from precedent.providers.billing.pricing import reported_usd
from precedent.providers.classification import classify
from precedent.providers.drivers.openai import BOTH, OpenAIDriver, completion_of, messages_of
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage

# A proxy that does not offer an interface to this key answers with one of these.
NOT_OFFERED = (400, 401, 403, 404, 405, 422, 500)


class GatewayDriver(OpenAIDriver):
    """A gateway in front of models that may know structured output, JSON mode, or neither.

    `json_schema` is tried first, then `json_object` with the schema in the instructions. What worked is remembered for
    the life of the driver.
    """

    info: ClassVar[DriverInfo] = DriverInfo(
        name="gateway",
        title="LLM gateway (LiteLLM-compatible)",
        capabilities=BOTH,
        sdk="openai",
        extra="gateway",
        needs_base_url=True,
        limits=BatchLimits(inputs=512, tokens=100_000, tokens_each=8191),
    )
    _json_schema_works = True

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; two HTTP calls where the model turns out to know no JSON schema."""
        calls = 1
        if self._json_schema_works and not self.provider.options.json_object:
            try:
                return self._ask(request, _schema_format(request.schema), calls)
            except Exception as error:
                if not _unsupported(error):
                    raise
                self._json_schema_works = False
                calls += 1
        schema = json.dumps(request.schema.model_json_schema())
        system = f"{request.system}\nAnswer with one JSON object that fits this JSON schema:\n{schema}"
        return self._ask(replace(request, system=system), {"type": "json_object"}, calls)

    def _ask(self, request: GenerationRequest, form: Any, calls: int) -> Completion:
        raw = self.client.chat.completions.with_raw_response.create(
            model=self.provider.model,
            messages=messages_of(request),
            response_format=form,
            max_tokens=request.max_output_tokens,
            **self.sampling(),
        )
        return completion_of(raw, request, self.provider.model, calls)

    def key_info(self) -> dict[str, Any] | None:
        """What the gateway says of its own key: spend, budget, limits; None where it does not offer it."""
        return self._offered("GET", "/key/info")

    def calculated_cost(self, model: str, usage: TokenUsage) -> Decimal | None:
        """The gateway's price of a call by `/spend/calculate`, in USD; None where it does not offer it."""
        tokens = {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
        }
        completion = {"model": model, "object": "chat.completion", "id": "reconcile", "created": 0, "choices": []}
        answer = self._offered("POST", "/spend/calculate", {"completion_response": {**completion, "usage": tokens}})
        cost = (answer or {}).get("cost")
        return reported_usd(cost) if isinstance(cost, int | float) else None

    def _offered(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """The answer of the proxy's own interface beside `/v1`; None where it is not offered to this key."""
        root = str(self.client.base_url).rstrip("/").removesuffix("/v1")
        try:
            if method == "GET":
                answer = self.client.get(root + path, cast_to=object)
            else:
                answer = self.client.post(root + path, cast_to=object, body=body)
        except Exception as error:
            if classify(error).status in NOT_OFFERED:
                return None
            raise
        return answer if isinstance(answer, dict) else None


def _schema_format(schema: type[BaseModel]) -> Any:
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True},
    }


def _unsupported(error: BaseException) -> bool:
    found = classify(error)
    words = str(found).lower()
    return found.status in (400, 422) and ("response_format" in words or "json_schema" in words)
