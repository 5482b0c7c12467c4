"""What a provider can do to a request, and what it sends back."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from precedent.providers.testing.question import ANSWER
from precedent.testing.loopback import Request


class Behaviour(StrEnum):
    """What the server does with a request: what was asked, or one fault."""

    OK = "ok"
    STATUS = "status"
    BUDGET_EXCEEDED = "budget_exceeded"
    CONTEXT_OVERFLOW = "context_overflow"
    SLOW = "slow"
    DRIP = "drip"
    BROKEN = "broken"
    RESET = "reset"
    NOT_JSON = "not_json"
    OTHER_SHAPE = "other_shape"
    EMPTY_BODY = "empty_body"
    REFUSAL = "refusal"
    BAD_SCHEMA = "bad_schema"
    PROSE = "prose"
    EMPTY_LIST = "empty_list"
    CUT = "cut"
    TOO_FEW = "too_few"
    NAN = "nan"
    ZERO = "zero"
    WRONG_DIMENSION = "wrong_dimension"
    SHUFFLED = "shuffled"
    TOO_MANY_INPUTS = "too_many_inputs"


UNREADABLE = (Behaviour.NOT_JSON, Behaviour.OTHER_SHAPE, Behaviour.EMPTY_BODY)
BAD_CONTENT = (Behaviour.BAD_SCHEMA, Behaviour.PROSE, Behaviour.CUT)
BAD_VECTORS = (Behaviour.TOO_FEW, Behaviour.NAN, Behaviour.ZERO, Behaviour.WRONG_DIMENSION)


@dataclass(frozen=True, slots=True)
class Step:
    """A behaviour with its options.

    Attributes:
        behaviour: What happens.
        status: Of STATUS and BUDGET_EXCEEDED; 0 stands for the wire's own.
        headers: Added to the answer.
        message: Of the error, instead of one that means nothing.
        limit: The most inputs before TOO_MANY_INPUTS answers with an error.
        answer: What the model writes, as a JSON object; the contract's own answer by default.
    """

    behaviour: Behaviour = Behaviour.OK
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    limit: int = 2
    answer: Mapping[str, Any] = field(default_factory=lambda: ANSWER)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: `body` is text as it is, or a value to write as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body as bytes; NaN is written as the literal that JSON does not have."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class Responder(Protocol):
    """What a server needs of a wire."""

    def untouched(self, request: Request) -> bool:
        """True of a request that no behaviour applies to, such as an exchange of tokens."""
        ...

    def respond(self, request: Request, step: Step) -> Reply:
        """The protocol's answer."""
        ...


def vector_of(text: str, dimensions: int) -> list[float]:
    """A vector of length one that follows from the text, the same in every process."""
    digest = b""
    while len(digest) < dimensions:
        digest += hashlib.sha256(f"{len(digest)}:{text}".encode()).digest()
    values = [byte + 1.0 for byte in digest[:dimensions]]
    norm = math.sqrt(sum(value * value for value in values))
    return [value / norm for value in values]


def answer_of(step: Step) -> str:
    """What the model writes: the step's answer, or what the behaviour puts in its place."""
    whole = json.dumps(step.answer)
    instead = {
        Behaviour.BAD_SCHEMA: '{"answer": 42}',
        Behaviour.PROSE: "I would raise the pool's limit and look again tomorrow.",
        Behaviour.REFUSAL: "I cannot help with that.",
        Behaviour.EMPTY_LIST: json.dumps({name: [] for name in step.answer}),
        Behaviour.CUT: whole[: len(whole) // 2],
    }
    return instead.get(step.behaviour, whole)
