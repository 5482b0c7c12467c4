"""How a provider's model answers, how it is called and what it costs: the JSON columns of its row."""

from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# A whole number stays one: it is stored, shown and written to a file as it was given.
Number = int | float
# A Retry-After beyond this is not waited for.
LONGEST_RETRY_AFTER_S = 60.0
# An SDK's own timeout, which says more, comes first.
GRACE_S = 1.0
# For the ledger itself, which tries again where its connection was lost.
SETTLING_S = 5.0


class Options(BaseModel):
    """Base of the three groups: a misspelt name is an error, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), hide_input_in_errors=True)

    def said(self) -> dict[str, Any]:
        """What was given, without defaults; as it is stored."""
        return self.model_dump(mode="json", exclude_unset=True, warnings=False)


class ModelOptions(Options):
    """`options`: what changes the answers, and so the provider's fingerprint.

    A driver from another distribution may have options of any name (`model_extra`); of Precedent's own drivers an
    unknown name is refused when the provider is saved (`validation.check_options`).
    """

    model_config = ConfigDict(extra="allow")

    dimensions: int | None = Field(
        default=None, ge=1, le=16_000, description="length of the vectors; measured where left out"
    )
    send_dimensions: bool | None = Field(
        default=None,
        description="ask the endpoint to cut vectors to `dimensions`; by default where the model's name holds "
        "`embedding-3` (mistral: never)",
    )
    window: int | None = Field(
        default=None, ge=16, description="longest passage in tokens; by default 512, or the local model's own"
    )
    task_type: str | None = Field(default=None, description="what the vectors are for")
    max_output_tokens: int = Field(default=2_000, ge=64, description="the most that an answer may take")
    max_prompt_tokens: int = Field(
        default=8_000,
        ge=500,
        description="the most that a prompt may take; the least relevant evidence is left out first",
    )
    context_tokens: int | None = Field(
        default=None,
        ge=500,
        description="the model's window; a prompt that was too long falls back only to a larger one",
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description="sent only where set")
    top_p: float | None = Field(default=None, gt=0, le=1, description="sent only where set")
    reasoning_effort: str | None = Field(default=None, description="sent only where set")
    seed: int | None = Field(default=None, description="sent only where set")
    num_ctx: int | None = Field(default=None, ge=256, description="size of the context in tokens")
    json_object: bool | None = Field(
        default=None, description="`true` where the model knows no JSON schema; otherwise found out by trying"
    )
    api_version: str | None = Field(default=None, description="by default `2024-10-21`")
    token_url: str | None = Field(default=None, description="where the token is exchanged")
    same_as: str | None = Field(
        default=None, description="the model's common name, where this endpoint calls it otherwise"
    )
    price_model: str | None = Field(
        default=None,
        description="the model's name in price lists: of an Azure deployment, of a vendor's model at another address",
    )
    path: str | None = Field(default=None, description="a folder with a sentence-transformers model")
    precision: Literal["float32", "bfloat16", "float16", "int8"] | None = Field(
        default=None, description="of the arithmetic; by default the best of the machine"
    )
    device: Literal["cpu", "cuda"] | None = Field(default=None, description="by default the GPU where there is one")
    backend: Literal["openvino", "torch"] | None = Field(
        default=None, description="by default the faster one that agrees with the original model"
    )

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these options that are set, to be passed to an SDK."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class PerformanceOptions(Options):
    """`performance`: how an endpoint is called; it changes no answer."""

    timeout_s: Number = Field(default=60, gt=0, le=600, description="seconds, of one attempt as a whole")
    max_attempts: int = Field(default=4, ge=1, le=10, description="of one call, the first included")
    max_concurrency: int = Field(default=4, ge=1, le=64, description="calls at once in one process")
    concurrent_runs: int = Field(
        default=2, ge=1, le=64, description="Dagster steps at once that use this capability (its pool)"
    )
    requests_per_minute: int | None = Field(default=None, ge=1, description="holds across all processes")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="of the input; holds across all processes")
    batch_inputs: int | None = Field(default=None, ge=1, description="texts in one embedding request, at most")
    batch_tokens: int | None = Field(default=None, ge=1, description="tokens in one embedding request, at most")
    opens_after: int = Field(default=5, ge=1, description="failed calls in a row until the breaker opens")
    cooldown_s: Number = Field(default=30, gt=0, description="seconds of the breaker's first pause")
    longest_wait_s: Number = Field(default=60, gt=0, description="seconds that a call waits for its slot")
    reservation_s: Number | None = Field(
        default=None,
        gt=0,
        description="seconds after which money set aside is free again; at least as long as an attempt",
    )

    @property
    def deadline_s(self) -> float:
        """Seconds after which an attempt is given up as a whole."""
        return self.timeout_s + GRACE_S

    @property
    def reserved_s(self) -> float:
        """Seconds for which money is set aside: at least as long as one attempt with its waits may take.

        Each further attempt renews it, so that no reservation ends before its call.
        """
        between_s = LONGEST_RETRY_AFTER_S if self.max_attempts > 1 else 0.0
        attempt_s = self.longest_wait_s + self.deadline_s + between_s + SETTLING_S
        return max(self.reservation_s or 0.0, attempt_s)


class CostOptions(Options):
    """`cost`: the provider's own prices in USD per million tokens; they come before every other price."""

    input_per_million: Number | None = Field(default=None, description="of input tokens")
    output_per_million: Number | None = Field(default=None, description="of output tokens")
    cached_per_million: Number | None = Field(default=None, description="of cached input tokens; else as other input")

    @field_validator("*", mode="before")
    @classmethod
    def _amount(cls, value: object) -> object:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise ValueError("it must be an amount of USD per million tokens")
        return value
