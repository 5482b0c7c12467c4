"""Driver `gateway`: any proxy that speaks OpenAI's protocol, LiteLLM's cost and key interfaces where it has them."""

import json
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from precedent.providers.base import BatchLimits, Completion, DriverInfo, GenerationRequest, TokenUsage
from precedent.providers.drivers.openai import BOTH, OpenAIDriver, messages_of, reported_cost, usage_of
from precedent.providers.errors import FailureKind, ProviderError, classify

REPAIR = (
    "That answer is not valid: {problem}. Answer again with one JSON object that fits the schema, and nothing else."
)


class GatewayDriver(OpenAIDriver):
    """A gateway in front of models that may know structured output, JSON mode, or neither.

    `json_schema` is tried first, then `json_object` with the schema in the instructions; an answer that does not
    fit is sent back once with what is wrong. What worked is remembered for the life of the driver.
    """

    info: ClassVar[DriverInfo] = DriverInfo(
        name="gateway", title="LLM gateway (LiteLLM-compatible)", capabilities=BOTH, sdk="openai", extra="gateway",
        needs_base_url=True, limits=BatchLimits(inputs=512, tokens=100_000, tokens_each=8191),
    )  # fmt: skip
    _json_schema_works = True

    def cuts_dimensions(self) -> bool:
        """A gateway drops or refuses the parameter by model: it is sent where the row says so."""
        return "embedding-3" in self.settings.model

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; up to three HTTP calls, whose tokens and cost are added up."""
        tally = _Tally()
        if self._json_schema_works and not self.settings.options.get("json_object"):
            try:
                text = self._ask(messages_of(request), _schema_format(request.schema), request, tally)
                return self._parsed(text, messages_of(request), _schema_format(request.schema), request, tally)
            except Exception as error:
                if not _unsupported(error):
                    raise
                self._json_schema_works = False
        described = (
            f"{request.system}\nAnswer with one JSON object that fits this JSON schema:\n{_schema_text(request)}"
        )
        messages = [{"role": "system", "content": described}, {"role": "user", "content": request.prompt}]
        text = self._ask(messages, {"type": "json_object"}, request, tally)
        return self._parsed(text, messages, {"type": "json_object"}, request, tally)

    def _parsed(self, text: str, messages: Any, form: Any, request: GenerationRequest, tally: "_Tally") -> Completion:
        try:
            value = _validated(text, request)
        except ValueError as error:
            problem = _problem(error)
            again = [*messages, {"role": "assistant", "content": text},
                     {"role": "user", "content": REPAIR.format(problem=problem)}]  # fmt: skip
            try:
                value = _validated(self._ask(again, form, request, tally), request)
            except ValueError as second:
                failure = ProviderError(
                    FailureKind.INVALID_ANSWER, f"The answer did not fit, nor did its repair: {_problem(second)}"
                )
                failure.attempts = tally.calls
                raise failure from second
        return Completion(value, tally.model or self.settings.model, tally.usage, tally.cost, tally.calls)

    def _ask(self, messages: Any, form: Any, request: GenerationRequest, tally: "_Tally") -> str:
        raw = self.client.chat.completions.with_raw_response.create(
            model=self.settings.model, messages=messages, response_format=form,
            max_tokens=request.max_output_tokens, **self.sampling(),
        )  # fmt: skip
        answer = raw.parse()
        tally.add(answer.model, usage_of(answer.usage), reported_cost(raw.headers))
        if not answer.choices:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The answer holds no choice.")
        message = answer.choices[0].message
        if message.refusal or answer.choices[0].finish_reason == "content_filter":
            raise ProviderError(FailureKind.REFUSED, "The model refused to answer.")
        return message.content or ""

    def key_info(self) -> dict[str, Any] | None:
        """What the gateway says of its own key: spend, budget, limits; None where it does not offer it."""
        return self._offered("GET", "/key/info")

    def calculated_cost(self, model: str, usage: TokenUsage) -> Decimal | None:
        """The gateway's price of a call by `/spend/calculate`, in USD; None where it does not offer it."""
        body = {
            "completion_response": {
                "model": model, "object": "chat.completion", "id": "reconcile", "created": 0, "choices": [],
                "usage": {
                    "prompt_tokens": usage.input, "completion_tokens": usage.output,
                    "total_tokens": usage.input + usage.output,
                    "prompt_tokens_details": {"cached_tokens": usage.cached},
                },
            }
        }  # fmt: skip
        answer = self._offered("POST", "/spend/calculate", body)
        cost = (answer or {}).get("cost")
        return Decimal(str(cost)) if isinstance(cost, int | float) else None

    def _offered(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """A proxy's own interface beside `/v1`: 400, 401, 403, 404 and 500 mean "not offered", not "bad key"."""
        root = str(self.client.base_url).rstrip("/").removesuffix("/v1")
        try:
            if method == "GET":
                answer = self.client.get(root + path, cast_to=object)
            else:
                answer = self.client.post(root + path, cast_to=object, body=body)
        except Exception as error:
            if classify(error).status in (400, 401, 403, 404, 405, 422, 500):
                return None
            raise
        return answer if isinstance(answer, dict) else None


class _Tally:
    """What the requests of one answer cost together."""

    def __init__(self) -> None:
        self.usage = TokenUsage()
        self.cost: Decimal | None = None
        self.calls, self.model = 0, ""

    def add(self, model: str, usage: TokenUsage, cost: Decimal | None) -> None:
        self.model, self.usage, self.calls = model or self.model, self.usage + usage, self.calls + 1
        if cost is not None:
            self.cost = (self.cost or Decimal(0)) + cost


def _schema_format(schema: type[BaseModel]) -> Any:
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True},
    }


def _schema_text(request: GenerationRequest) -> str:
    return json.dumps(request.schema.model_json_schema())


def _validated(text: str, request: GenerationRequest) -> BaseModel:
    body = text.strip()
    if body.startswith("```"):
        body = body.strip("`").removeprefix("json").strip()
    value = request.schema.model_validate_json(body)
    if request.validate is not None:
        request.validate(value)
    return value


def _problem(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'the document'}: {first['msg']}"
    return str(error)[:200]


def _unsupported(error: BaseException) -> bool:
    found = classify(error)
    words = str(found).lower()
    return found.status in (400, 422) and ("response_format" in words or "json_schema" in words)
