"""What a driver is: one SDK, one call at a time; everything around a call is done once, outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from precedent.incidents.schema import RecommendationRequest
from precedent.providers.errors import FailureKind, ProviderError
from precedent.vectors.embedding import EmbeddingBatch

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Capability(StrEnum):
    """What a provider is asked for."""

    EMBEDDING = "embedding"
    TEXT_GENERATION = "text_generation"


class Egress(StrEnum):
    """Whether texts leave for somebody else: `by_address` when the base URL is no private one."""

    NEVER = "never"
    BY_ADDRESS = "by_address"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most that one embedding request may hold; tokens as the provider counts them."""

    inputs: int = 2048
    tokens: int = 300_000
    tokens_each: int = 8191


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """What is known of a driver without importing its SDK.

    Attributes:
        name: The driver's name in the table `integrations`.
        title: For people.
        capabilities: What it can do.
        sdk: The module that must be importable, or None.
        extra: The extra of this distribution that installs it.
        needs_key: Whether a row without `api_key` is refused.
        needs_base_url: Whether a row without `base_url` is refused.
        base_url: Where it calls without one; None where the SDK knows.
        egress: Whether texts leave for somebody else.
        default_models: The model by capability where a row names none.
        limits: Of one embedding request.
        price_id: genai-prices' name of the provider, or None where it knows no prices.
        free: Whether a call costs nothing.
        experimental: Whether the interface is not an official one.
    """

    name: str
    title: str
    capabilities: frozenset[Capability]
    sdk: str | None = None
    extra: str | None = None
    needs_key: bool = True
    needs_base_url: bool = False
    base_url: str | None = None
    egress: Egress = Egress.ALWAYS
    default_models: Mapping[Capability, str] = field(default_factory=dict)
    limits: BatchLimits = BatchLimits()
    price_id: str | None = None
    free: bool = False
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """One configured endpoint as its driver needs it; made anew when the row's revision changes.

    Attributes:
        name: The row's name.
        capability: What it is asked for.
        model: The model, never silently replaced.
        base_url: Where to call, or None for the provider's own address.
        credentials: `api_key` and what else the driver wants; never shown.
        dimensions: Of the vectors; asked for where the provider can cut them.
        timeout_s: Of one attempt, in seconds.
        options: The row's `model_config` and `configuration`: temperature, task_type, api_version and the like.
    """

    name: str
    capability: Capability
    model: str
    base_url: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    dimensions: int | None = None
    timeout_s: float = 60.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """The key, or an empty string where none is needed."""
        return self.credentials.get("api_key", "")


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens as the provider counted them; `cached` is a part of `input`."""

    input: int = 0
    output: int = 0
    cached: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(self.input + other.input, self.output + other.output, self.cached + other.cached)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A question with the shape of its answer.

    Attributes:
        system: Instructions; trusted.
        prompt: The question; holds fenced data that is not trusted.
        schema: The pydantic model to answer with; only plain types, so that every provider accepts it.
        max_output_tokens: The most the answer may take.
        facts: The same question in fields, for a driver without a language model.
        validate: Turns an answer of the right shape into what the caller wants, or raises ValueError.
    """

    system: str
    prompt: str
    schema: type[BaseModel]
    max_output_tokens: int = 2_000
    facts: RecommendationRequest | None = None
    validate: Callable[[BaseModel], Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer: `value` is an instance of the request's schema.

    Attributes:
        value: The parsed answer.
        model: The model that served, as the provider names it.
        usage: Tokens.
        cost: What the provider itself says the call cost, in USD, or None.
        calls: Requests sent to get it (more than one where an answer had to be repaired).
    """

    value: BaseModel
    model: str
    usage: TokenUsage = TokenUsage()
    cost: Decimal | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that an endpoint offers."""

    id: str
    shutdown: date | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model whose files are on this machine.

    Attributes:
        revision: Identifies the weights.
        dimensions: Of its vectors.
        window: The longest text in tokens, special tokens included.
        precision: Of its arithmetic.
        load_tokenizer: Gives its tokenizer, without truncation and padding; loaded at the first call.
        backend: What runs it, with the device.
        backend_reason: Why nothing faster does; empty where nothing is faster.
    """

    revision: str
    dimensions: int
    window: int
    precision: str
    load_tokenizer: Callable[[], "Tokenizer"]
    backend: str = ""
    backend_reason: str = ""


class Driver:
    """Base of all drivers; a subclass sets `info` and implements what its capabilities promise.

    A driver makes one call and translates one SDK. It does not retry, count, wait or hide an error: it raises
    what the SDK raises, or a ProviderError where an answer is unusable. It is used by several threads at once.
    """

    info: ClassVar[DriverInfo]

    def __init__(self, settings: DriverSettings) -> None:
        self.settings = settings

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request: vectors in the order of the texts."""
        raise ProviderError(FailureKind.CONFIGURATION, f"The driver {self.info.name} has no embeddings.")

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request."""
        raise ProviderError(FailureKind.CONFIGURATION, f"The driver {self.info.name} generates no text.")

    def models(self) -> list[ModelInfo]:
        """The models that the endpoint offers; empty where it has no list."""
        return []

    def local_model(self) -> "LocalModel | None":
        """What is known of a model whose files are here; None for one behind an address."""
        return None

    def close(self) -> None:
        """Give back connections."""
