"""A question to a text provider, and its answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.tokens import NO_TOKENS, TokenUsage, estimate, estimate_many
from precedent.security.masking import mask, mask_fields

REPAIR = "That answer is not valid: {problem}\nAnswer again with one JSON object that fits the schema, nothing else."
REPAIR_UNSEEN = "An earlier answer was not valid: {problem}\nAnswer with one JSON object that fits the schema."
LONGEST_PROBLEM = 300

Turn = tuple[Literal["user", "assistant"], str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """An answer that could not be used; the model is asked once to repair it.

    Attributes:
        problem: What is wrong with it.
        answer: Its text; None where the SDK did not give it.
    """

    problem: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A question with the shape of its answer.

    Attributes:
        system: Instructions; trusted.
        prompt: The question; holds fenced data that is not trusted.
        schema: The pydantic model to answer with; all its fields are required and of plain types, so that the
            structured output of every provider accepts it.
        max_output_tokens: The most that the answer may take.
        data: The same question as fields, for a driver that reads no prompt; None for an endpoint outside the
            organisation, which needs the prompt alone. Where it is an instance of `schema`, it is itself the
            answer that is expected: that is how a health check asks.
        compose: Makes the same request of other data of the same type; for a prompt that holds its data encoded or
            shortened.
        validate: Checks an answer of the right shape, and raises ValueError where it cannot be used. The metered
            client calls it, never the driver.
        rejected: The answer before this one, where it could not be used; a driver sends it by `turns`.
    """

    system: str
    prompt: str
    schema: type[BaseModel]
    max_output_tokens: int = 2_000
    data: BaseModel | None = None
    compose: "Callable[[Any], GenerationRequest] | None" = None
    validate: Callable[[BaseModel], Any] | None = None
    rejected: Rejected | None = None

    def masked(self) -> "GenerationRequest":
        """The same request without secrets and addresses.

        Its data is masked field by field and the prompt made of it anew: behind the escapes of an encoded text, or in
        a text that was shortened, a secret can no longer be recognised.
        """
        if self.compose is not None and self.data is not None:
            return self.compose(mask_fields(self.data))
        return replace(self, system=mask(self.system), prompt=mask(self.prompt))

    @property
    def turns(self) -> list[Turn]:
        """The conversation after the instructions, as (role, text): the question, and what was wrong before."""
        if self.rejected is None:
            return [("user", self.prompt)]
        if self.rejected.answer is None:
            return [("user", f"{self.prompt}\n\n{REPAIR_UNSEEN.format(problem=self.rejected.problem)}")]
        return [
            ("user", self.prompt),
            ("assistant", self.rejected.answer),
            ("user", REPAIR.format(problem=self.rejected.problem)),
        ]

    @property
    def most_input(self) -> int:
        """An upper estimate of its tokens: instructions, conversation and schema."""
        return estimate(self.system) + estimate_many(text for _, text in self.turns) + _schema_tokens(self.schema)

    def checked(self, completion: "Completion") -> "Completion":
        """An answer that the caller can use.

        Raises:
            ProviderError: `validate` refuses it (INVALID_ANSWER, with the answer, its tokens and cost).
        """
        if self.validate is not None:
            try:
                self.validate(completion.value)
            except ValueError as error:
                raise ProviderError(
                    FailureKind.INVALID_ANSWER,
                    f"The answer was not usable: {problem_of(error)}",
                    usage=completion.usage,
                    cost=completion.cost,
                    answer=completion.value.model_dump_json(),
                ) from None
        return completion


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer.

    Attributes:
        value: An instance of the request's schema.
        model: The model that served, as the provider names it.
        usage: Tokens.
        cost: What the provider itself says that the call cost, in USD, or None.
        calls: HTTP requests that it took: 2 where the endpoint first had to be asked which formats it knows.
    """

    value: BaseModel
    model: str
    usage: TokenUsage = NO_TOKENS
    cost: Decimal | None = None
    calls: int = 1

    @classmethod
    def parse(
        cls,
        request: GenerationRequest,
        text: str,
        model: str,
        usage: TokenUsage,
        *,
        cost: Decimal | None = None,
        calls: int = 1,
    ) -> "Completion":
        """The answer that a text holds: a JSON object, perhaps within a Markdown fence.

        Args:
            request: What was asked; its schema decides what fits.
            text: What the model wrote.
            model: The model that answered, as the endpoint names it.
            usage: The tokens of all calls.
            cost: What the provider itself says that it cost, in USD.
            calls: How many calls it took.

        Raises:
            ProviderError: the text does not fit the request's schema (INVALID_ANSWER, with the text, its tokens and
                cost).
        """
        body = text.strip()
        if body.startswith("```"):
            body = body.strip("`").removeprefix("json").strip()
        try:
            value = request.schema.model_validate_json(body)
        except ValidationError as error:
            message = f"The answer does not fit: {problem_of(error)}"
            raise ProviderError(
                FailureKind.INVALID_ANSWER, message, usage=usage, cost=cost, answer=text or None
            ) from None
        return cls(value, model, usage, cost, calls)


@lru_cache(maxsize=64)
def _schema_tokens(schema: type[BaseModel]) -> int:
    return estimate(json.dumps(schema.model_json_schema()))


def problem_of(error: ValueError) -> str:
    """What is wrong with an answer, in one line and without repeating the answer."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        text = f"{'.'.join(str(part) for part in first['loc']) or 'the document'}: {first['msg']}."
    else:
        text = " ".join(str(error).split()) or "it cannot be used"
    return text[:LONGEST_PROBLEM]
