"""What all wires share: who may ask, what is asked, and which part of the answer a behaviour replaces."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from precedent.providers.base import Capability, ModelInfo
from precedent.providers.testing.behaviour import Behaviour, Reply, Step, answer_of, vector_of
from precedent.providers.tokens import TokenUsage
from precedent.testing.loopback import Request

Vectors = list[tuple[int, list[float]]]
TOKENS_EACH = 7


class Wire(ABC):
    """A provider's protocol; it keeps nothing between two requests.

    Attributes:
        models: The model that a driver is configured with, by capability.
        reports_budget: Whether an exhausted budget is told by `budget_exceeded`.
        refuses: Whether the protocol can say that the model refuses.
        shows_headers: Whether the SDK's errors carry the answer's headers.
        indexed: Whether each vector says which text it belongs to.
        limits_inputs: Whether the protocol has words for too many inputs.
        usage: What a generated answer reports.
        cost: What an answer says that it cost, or None.
        listed: The models that the endpoint lists.
        dimensions: Of the vectors, where the request asks for none.
    """

    models: ClassVar[Mapping[Capability, str]] = {
        Capability.TEXT_GENERATION: "writer-1",
        Capability.EMBEDDING: "vectors-1",
    }
    reports_budget: ClassVar[bool] = False
    refuses: ClassVar[bool] = True
    shows_headers: ClassVar[bool] = True
    indexed: ClassVar[bool] = False
    limits_inputs: ClassVar[bool] = True
    usage: ClassVar[TokenUsage] = TokenUsage(42, 17, 5)
    cost: ClassVar[Decimal | None] = None
    listed: ClassVar[Sequence[ModelInfo]] = ()
    dimensions: ClassVar[int] = 8

    def __init__(self, key: str = "key-of-the-contract-0123456789") -> None:
        self.key = key

    def base_url(self, url: str) -> str:
        """The address that a driver is configured with, of a server at `url`."""
        return url

    def options(self, url: str) -> dict[str, Any]:
        """The options that a driver needs to reach a server at `url`."""
        return {}

    def embedding_tokens(self, texts: int) -> int:
        """The tokens that an embedding answer reports for so many texts."""
        return TOKENS_EACH * texts

    def untouched(self, request: Request) -> bool:
        """See `Responder.untouched`."""
        return False

    @abstractmethod
    def authorised(self, request: Request) -> bool:
        """Whether the request shows the key where the provider wants it."""

    @abstractmethod
    def error(self, status: int, message: str, **more: str) -> Reply:
        """An error in the provider's shape."""

    @abstractmethod
    def texts(self, request: Request) -> list[str] | None:
        """The texts of an embedding request; None of any other request."""

    @abstractmethod
    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """An answer with vectors."""

    @abstractmethod
    def asks_text(self, request: Request) -> bool:
        """Whether the request wants generated text."""

    @abstractmethod
    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """An answer with generated text; of REFUSAL and CUT with the reason."""

    @abstractmethod
    def overflow(self) -> Reply:
        """The error for a prompt beyond the model's window, in the provider's words."""

    def too_many(self, limit: int) -> Reply:
        """The error for more inputs than a request may hold, in the provider's words."""
        return self.error(413, "Request Entity Too Large")

    def over_budget(self, status: int) -> Reply:
        """The error for an exhausted budget."""
        return self.error(status or 402, "No credit is left.")

    def wrong_key(self, shown: str) -> Reply:
        """The error for a key that is unknown; it repeats the key, as careless endpoints do."""
        return self.error(401, f"Incorrect API key provided: {shown}.")

    def other(self, request: Request) -> Reply | None:
        """The answer to what is neither text nor vectors, such as the list of models."""
        return None

    def wanted_dimensions(self, request: Request) -> int:
        """The dimensions that a request asks for, or the wire's."""
        return self.dimensions

    def respond(self, request: Request, step: Step) -> Reply:
        """See `Responder.respond`."""
        if not self.authorised(request):
            return self.wrong_key(self.shown_key(request))
        if step.behaviour is Behaviour.STATUS:
            return self.error(step.status, step.message or f"Status {step.status}.")
        if step.behaviour is Behaviour.BUDGET_EXCEEDED:
            return self.over_budget(step.status)
        if step.behaviour is Behaviour.CONTEXT_OVERFLOW:
            return self.overflow()
        texts = self.texts(request)
        if texts is not None:
            if step.behaviour is Behaviour.TOO_MANY_INPUTS and len(texts) > step.limit:
                return self.too_many(step.limit)
            return self.embedding(request, _vectors(texts, self.wanted_dimensions(request), step.behaviour))
        if self.asks_text(request):
            content = _dictated(request) if step.behaviour is Behaviour.OK else None
            return self.completion(request, content or answer_of(step), step)
        return self.other(request) or self.error(404, f"Unknown path {request.path}.")

    def shown_key(self, request: Request) -> str:
        """What the request shows as its key."""
        for name in ("authorization", "x-api-key", "x-goog-api-key", "api-key"):
            if name in request.headers:
                return request.headers[name].split(" ")[-1]
        return ""


def bearer(request: Request) -> str:
    """What follows `Bearer` in the header `authorization`."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value if kind == "Bearer" else ""


def finish(step: Step, *, cut: str = "length", refused: str = "stop") -> str:
    """Why the model stopped."""
    return {Behaviour.CUT: cut, Behaviour.REFUSAL: refused}.get(step.behaviour, "stop")


def _dictated(request: Request) -> str | None:
    """The JSON that a prompt asks for literally (`Answer {"ok": true}.`), as a model would repeat it."""
    found = re.search(r"Answer (\{[^{}]*\})\.", json.dumps(request.json))
    return found[1].replace('\\"', '"') if found else None


def _vectors(texts: Sequence[str], dimensions: int, behaviour: Behaviour) -> Vectors:
    length = dimensions + (behaviour is Behaviour.WRONG_DIMENSION)
    vectors = [(index, vector_of(text, length)) for index, text in enumerate(texts)]
    if behaviour is Behaviour.TOO_FEW:
        return vectors[:-1]
    if behaviour is Behaviour.SHUFFLED:
        return vectors[1:] + vectors[:1]
    if behaviour is Behaviour.NAN:
        vectors[-1][1][0] = float("nan")
    if behaviour is Behaviour.ZERO:
        vectors[-1][1][:] = [0.0] * length
    return vectors
