"""What a driver is: one SDK, one call at a time; everything around a call is done once, outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.vectors.embedding import EmbeddingBatch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from precedent.providers.config.provider import Provider


# The limit of a local model: it is given all texts, and makes batches of its own.
UNLIMITED_TOKENS = 1_000_000_000


class Capability(StrEnum):
    """What a provider is asked for."""

    EMBEDDING = "embedding"
    TEXT_GENERATION = "text_generation"


class Egress(StrEnum):
    """Whether a call takes texts outside the organisation; `by_address`: unless the address is a private one."""

    NEVER = "never"
    BY_ADDRESS = "by_address"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most that one embedding request may hold.

    Attributes:
        inputs: Texts.
        tokens: Tokens of all texts together, as the provider counts them.
        tokens_each: Tokens of one text.
    """

    inputs: int = 2048
    tokens: int = 300_000
    tokens_each: int = 8191


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """What is known of a driver without importing its SDK.

    Attributes:
        name: The driver's name in the database, and of its entry point.
        title: The name for people.
        capabilities: What it can do.
        sdk: The module that must be importable, or None.
        extra: The extra of this distribution that installs it.
        needs_key: Whether a provider without `api_key` is refused.
        needs_base_url: Whether a provider without `base_url` is refused.
        base_url: Where it calls without one; None where the SDK knows.
        egress: Whether a call takes texts outside the organisation.
        default_models: The model by capability of a provider that names none.
        limits: Of one embedding request.
        price_id: genai-prices' name of the provider, or None where it knows no prices.
        free: Whether a call costs nothing.
        experimental: Whether the interface is not an official one.
        last_resort: True of a driver that always answers, costs nothing and is not a language model: it reads a
            request's `data`, not its prompt, and is asked when no model has answered.
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
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that an endpoint offers.

    Attributes:
        id: Its name, as a provider's `model` gives it.
        shutdown: The day on which it ends, where the endpoint says so.
        context_tokens: The longest prompt in tokens, where the endpoint says so.
    """

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
        backend_reason: Why nothing faster runs it; empty where nothing is faster.
        name: What its files are called.
    """

    revision: str
    dimensions: int
    window: int
    precision: str
    load_tokenizer: Callable[[], "Tokenizer"]
    backend: str = ""
    backend_reason: str = ""
    name: str = ""


class Driver:
    """Base of all drivers; a subclass sets `info` and implements what its capabilities promise.

    A driver translates one SDK or protocol. It makes one call and does not retry, count or wait: attempts, limits,
    budgets, masking, prices and the ledger are around it, once for all drivers.

    One object serves all threads of a process at once, so that what it changes after its construction needs a lock;
    the clients of the SDKs are safe to share. It is made when the provider is first called, and again when its
    configuration was edited. A subclass that keeps its SDK's client in a cached property `client` needs no `close`.

    Errors: a driver lets the SDK's exceptions pass. They are classified by what they have (`classification.classify`):
    status, headers, message and the names of their classes. Where no exception says it, a driver raises

    - `ProviderError(FailureKind.REFUSED, ...)`: the model refuses to answer;
    - `ProviderError(FailureKind.INVALID_ANSWER, ...)`: the answer is cut, empty or of another shape, with its `usage`
      and `cost` where they are known, because it is paid for all the same;
    - `ProviderError(FailureKind.CONTEXT_OVERFLOW, ...)`: the text does not fit the model's window. It is never cut.

    Attributes:
        info: What is known of the driver without its SDK.
        provider: What is configured: `model` (never replaced by another one), `options`, `dimensions`, `api_key`,
            `performance.timeout_s` (of one call, in seconds).
    """

    info: ClassVar[DriverInfo]

    def __init__(self, provider: "Provider") -> None:
        self.provider = provider

    @property
    def address(self) -> str | None:
        """Where to call: the configured address, else the driver's own."""
        return self.provider.base_url or self.info.base_url

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts in one request.

        Args:
            texts: One or more, within the driver's `limits`.

        Returns:
            A float32 array of shape (texts, dimensions), one row a text in the order of the texts, and the tokens
            that the provider counted. Rows need not have length one. Dimensions are those that the provider is
            configured with, where it is; they are checked afterwards, as are NaN, infinity and zero vectors.

        Raises:
            ProviderError: the answer lacks a vector or cannot be read (INVALID_ANSWER).
            Exception: whatever the SDK raises; it is classified. Too many texts for one request (TOO_LARGE) are
                sent again in halves.
        """
        raise ProviderError(FailureKind.CONFIGURATION, f"The driver {self.info.name} has no embeddings.")

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; `Completion.parse` makes an answer of a text.

        Returns:
            An instance of `request.schema`, with the tokens that were used.

        Raises:
            ProviderError: a refusal (REFUSED), or an answer that does not fit the schema (INVALID_ANSWER).
            Exception: whatever the SDK raises; it is classified.
        """
        raise ProviderError(FailureKind.CONFIGURATION, f"The driver {self.info.name} generates no text.")

    def models(self) -> list[ModelInfo]:
        """The models that the endpoint offers; empty where it has no list.

        Raises:
            Exception: whatever the SDK raises; it is classified.
        """
        return []

    def local_model(self) -> LocalModel | None:
        """What is known of a model whose files are here; None for one behind an address."""
        return None

    def prepare(self) -> None:
        """Make the client ahead of the first call: importing an SDK takes seconds, and is no part of a call's time."""
        getattr(self, "client", None)

    def close(self) -> None:
        """Close the connections; may be called twice, and before the first call."""
        close = getattr(self.__dict__.get("client"), "close", None)
        if close is not None:
            close()
