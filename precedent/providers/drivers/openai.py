"""Drivers that speak OpenAI's protocol: `openai`, `azure_openai`, `grok`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precedent.providers.base import BatchLimits, Capability, Driver, DriverInfo, ModelInfo
from precedent.providers.billing.pricing import reported_usd
from precedent.providers.classification import paid
from precedent.providers.config import defaults
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.tokens import TokenUsage, figure
from precedent.vectors.embedding import EmbeddingBatch, in_order

if TYPE_CHECKING:
    from openai import OpenAI

BOTH = frozenset(Capability)
COST_HEADER = "x-litellm-response-cost"


class OpenAIDriver(Driver):
    """OpenAI by its official SDK."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="openai",
        title="OpenAI",
        capabilities=BOTH,
        sdk="openai",
        extra="openai",
        base_url="https://api.openai.com/v1",
        default_models=defaults.OPENAI,
        price_id="openai",
        limits=BatchLimits(inputs=2048, tokens=300_000, tokens_each=8191),
    )

    @cached_property
    def client(self) -> "OpenAI":
        """The SDK's client; it never retries by itself, so that attempts are counted once, and follows no redirect."""
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            api_key=self.provider.api_key or "none",
            base_url=self.address,
            timeout=self.provider.performance.timeout_s,
            max_retries=0,
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request."""
        wanted = self.provider.options.send_dimensions
        extra: dict[str, Any] = {}
        # Older models refuse the parameter; a gateway drops or refuses it by model.
        if self.provider.dimensions and ("embedding-3" in self.provider.model if wanted is None else wanted):
            extra["dimensions"] = self.provider.dimensions
        raw = self.client.embeddings.with_raw_response.create(
            model=self.provider.model, input=list(texts), encoding_format="float", **extra
        )
        usage = TokenUsage.reported(figure(body_of(raw), "usage", "prompt_tokens"))
        cost = reported_cost(raw.headers)
        with paid(usage, cost):
            vectors = in_order([(item.index, item.embedding) for item in raw.parse().data], len(texts))
        return EmbeddingBatch(vectors, usage.input, cost)

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request by the SDK's own structured output."""
        raw = self.client.chat.completions.with_raw_response.parse(
            model=self.provider.model,
            messages=messages_of(request),
            response_format=request.schema,
            max_completion_tokens=request.max_output_tokens,
            **self.sampling(),
        )
        return completion_of(raw, request, self.provider.model)

    def sampling(self) -> dict[str, Any]:
        """Sampling parameters; only what is configured, since some models refuse them."""
        return self.provider.options.given("temperature", "top_p", "reasoning_effort", "seed")

    def models(self) -> list[ModelInfo]:
        """The endpoint's models, with the day they end where it says so."""
        return [
            ModelInfo(model.id, shutdown=_day(getattr(model, "shutdown_date", None)))
            for model in self.client.models.list()
        ]


class AzureOpenAIDriver(OpenAIDriver):
    """Azure OpenAI; the model is the name of a deployment."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="azure_openai",
        title="Azure OpenAI",
        capabilities=BOTH,
        sdk="openai",
        extra="openai",
        needs_base_url=True,
        price_id="azure",
        limits=BatchLimits(inputs=2048, tokens=300_000, tokens_each=8191),
    )

    @cached_property
    def client(self) -> "OpenAI":
        """The SDK's client for a resource's endpoint."""
        from openai import AzureOpenAI, DefaultHttpxClient

        return AzureOpenAI(
            api_key=self.provider.api_key,
            azure_endpoint=self.address or "",
            api_version=self.provider.options.api_version or "2024-10-21",
            timeout=self.provider.performance.timeout_s,
            max_retries=0,
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def models(self) -> list[ModelInfo]:
        """Deployments cannot be listed with a key of the data plane."""
        return []


class GrokDriver(OpenAIDriver):
    """xAI's Grok; it has no embeddings."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="grok",
        title="xAI Grok",
        capabilities=frozenset({Capability.TEXT_GENERATION}),
        sdk="openai",
        extra="grok",
        base_url="https://api.x.ai/v1",
        default_models=defaults.GROK,
        price_id="x-ai",
    )


def messages_of(request: GenerationRequest) -> Any:
    """Instructions and question as chat messages."""
    turns = [{"role": role, "content": text} for role, text in request.turns]
    return [{"role": "system", "content": request.system}, *turns]


def completion_of(raw: Any, request: GenerationRequest, model: str, calls: int = 1) -> Completion:
    """The answer that a response holds, read from its JSON: the SDK's own reading loses what a bad answer cost.

    Args:
        raw: The SDK's raw response.
        request: What was asked.
        model: The model that was asked; the answer's own name for it comes first.
        calls: How many requests it took.

    Raises:
        ProviderError: a refusal (REFUSED), or an answer that does not fit (INVALID_ANSWER), with tokens and cost.
    """
    body = body_of(raw)
    usage, cost = usage_of(figure(body, "usage")), reported_cost(raw.headers)
    with paid(usage, cost):
        choice = body["choices"][0]
        if figure(choice, "message", "refusal") or figure(choice, "finish_reason") == "content_filter":
            raise ProviderError(FailureKind.REFUSED, "The model refused to answer.")
        text = choice["message"]["content"] or ""
        return Completion.parse(request, text, str(body.get("model") or model), usage, cost=cost, calls=calls)


def body_of(raw: Any) -> Any:
    """A response's JSON; None where it is not JSON."""
    try:
        return raw.http_response.json()
    except ValueError:
        return None


def usage_of(usage: Any) -> TokenUsage:
    """Tokens as OpenAI counts them."""
    cached = figure(usage, "prompt_tokens_details", "cached_tokens")
    return TokenUsage.reported(figure(usage, "prompt_tokens"), figure(usage, "completion_tokens"), cached)


def reported_cost(headers: Mapping[str, str]) -> Decimal | None:
    """What a gateway says that the call cost, in USD."""
    said = headers.get(COST_HEADER)
    return None if said is None else reported_usd(said)


def _day(value: Any) -> date | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).date()
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None
